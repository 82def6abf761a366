import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createClient } from '@holdfast/client'
import { AllTestsReport, TestReport, TestStatus, verifierRoutes, workflows } from '@holdfast/contracts'
import { type FaultProxy, startFaultProxy } from '@holdfast/testbed/fault-proxy'
import { lintOpenapi } from '@holdfast/testbed/lint-openapi'
import { runService } from '@holdfast/testbed/service-process'
import type {} from '@holdfast/testbed/shared-api'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { settingNames } from '../src/config.js'

const program = resolve(import.meta.dirname, '..', 'dist', 'verify.mjs')
let proxy: FaultProxy
let verifier: ReturnType<typeof runService>
let url: string

beforeAll(async () => {
  proxy = await startFaultProxy(inject('apiUrl'))
  verifier = runService('verifier', { KV_SERVICE_URL: proxy.url })
  url = await verifier.ready()
})
afterAll(async () => {
  verifier.child.kill('SIGTERM')
  expect(await verifier.ended()).toBe(0)
  await proxy.close()
})

const post = async (path: string) => {
  const response = await fetch(`${url}${path}`, { method: 'POST' })
  return { status: response.status, body: (await response.json()) as never }
}
const get = async (path: string) => {
  const response = await fetch(`${url}${path}`)
  return { status: response.status, headers: response.headers, text: await response.text() }
}
const keysLeft = async () => (await createClient({ url: inject('apiUrl') }).list({ prefix: 'verifier/' })).total
const wrongItem = (value: unknown) =>
  ({
    kind: 'respond',
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: (path: string) => {
      const key = decodeURIComponent(path.slice('/items/'.length))
      return JSON.stringify({ key, value, version: '1', created_at: '', updated_at: '', expires_at: null, created_version: '1' })
    },
  }) as const

const problem = (status: number, code: string) =>
  ({
    kind: 'respond',
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: JSON.stringify({ type: `/problems/${code}`, title: code, status, detail: '', instance: 'r-1', code }),
  }) as const

describe('with a correct API', () => {
  test.each(workflows)('%s passes and deletes its items', async (workflow) => {
    const { status, body } = await post(`/test/${workflow}`)
    const report = TestReport.parse(body)
    expect([status, report.success, report.test_name]).toEqual([200, true, `test_${workflow}`])
    expect(report.details.all_assertions_passed).toBe(true)
    expect(report.details.steps_executed).toBe(report.details.steps.length)
    expect(report.details.steps_executed).toBeGreaterThan(1)
    expect(report.details.steps.every((step) => Object.keys(step).length === 2)).toBe(true)
    expect(await keysLeft()).toBe(0)
  })

  test('all tests pass within the default rate limit', async () => {
    const before = proxy.requests.length
    const report = AllTestsReport.parse((await post('/test/all/')).body)
    expect(report).toMatchObject({ success: true, test_name: 'test_all', details: { all_assertions_passed: true } })
    expect(report.details.tests.map(({ test_name }) => test_name)).toEqual(workflows.map((workflow) => `test_${workflow}`))
    expect(proxy.requests.slice(before).filter(({ path }) => path.startsWith('/items')).length).toBeLessThan(60)
  })

  test('items of others are not changed', async () => {
    const client = createClient({ url: inject('apiUrl') })
    await client.put('verifier', 'of another client')
    await post('/test/overwrite')
    expect(await client.get('verifier')).toMatchObject({ value: 'of another client' })
    await client.delete('verifier')
  })
})

describe('with an incorrect API', () => {
  test('a failed step has the expected and the actual result, and the items are deleted', async () => {
    proxy.plan({ kind: 'pass' }, { kind: 'pass' }, wrongItem('else'))
    const { status, body } = await post('/test/deletion')
    expect([status, body]).toMatchObject([
      200,
      {
        success: false,
        details: {
          steps_executed: 4,
          all_assertions_passed: false,
          steps: [
            { passed: true },
            { name: 'read the item', passed: false, expected: 'here', seen: 'else' },
            { passed: true },
            { passed: true },
          ],
        },
      },
    ])
    expect(await keysLeft()).toBe(0)
  })

  test('a missing item is reported as null or false', async () => {
    const missing = problem(404, 'item_not_found')
    proxy.plan({ kind: 'pass' }, { kind: 'pass' }, missing, missing)
    const { body } = await post('/test/deletion')
    expect(TestReport.parse(body).details.steps.slice(1, 3)).toEqual([
      { name: 'read the item', passed: false, expected: 'here', seen: null },
      { name: 'delete the item', passed: false, expected: true, seen: false },
    ])
    expect(await keysLeft()).toBe(0)
  })

  test('an error outside a step fails the test', async () => {
    proxy.plan({ kind: 'pass' }, problem(403, 'forbidden'))
    const report = TestReport.parse((await post('/test/overwrite')).body)
    expect(report.success).toBe(false)
    expect(report.details.steps).toMatchObject([{ passed: false, seen: { error: 'forbidden' } }])
  })
})

test('the status has the last results', async () => {
  const status = TestStatus.parse(JSON.parse((await get('/test/status')).text))
  expect(status.api).toMatchObject({ url: proxy.url, reachable: true })
  expect(Date.parse(status.api.since)).toBeLessThanOrEqual(Date.now())
  expect(Object.keys(status.last_results).sort()).toEqual([...workflows].sort())
  expect(status.last_results.overwrite).toMatchObject({ success: false })
  expect(status.last_results.unicode).toMatchObject({ success: true })
})

describe('routes', () => {
  test('health and documents are served', async () => {
    expect(JSON.parse((await get('/health')).text)).toEqual({ status: 'ok', version: expect.any(String) })
    const document = JSON.parse((await get('/openapi.json')).text)
    // Some routes have no error responses.
    expect((await lintOpenapi(document)).filter((problem) => !problem.includes('operation-4xx-response'))).toEqual([])
    const { paths } = document
    expect(Object.keys(paths).sort()).toEqual(
      Object.values(verifierRoutes)
        .map(({ path }) => path)
        .sort(),
    )
    const page = await get('/docs')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    for (const [, source = ''] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) expect((await get(source)).status, source).toBe(200)
  })

  test.each([
    ['POST', '/test/nothing', 404, 'route_not_found'],
    ['GET', '/test/all', 405, 'method_not_allowed'],
    ['POST', '/health', 405, 'method_not_allowed'],
    ['GET', '/docs/package.json', 404, 'route_not_found'],
    ['GET', '/nothing', 404, 'route_not_found'],
  ])('%s %s is rejected with %i', async (method, path, status, code) => {
    const response = await fetch(`${url}${path}`, { method })
    expect([response.status, response.headers.get('content-type'), await response.json()]).toMatchObject([
      status,
      'application/problem+json',
      { code, status },
    ])
  })

  test('more than eight waiting runs are rejected', async () => {
    proxy.plan({ kind: 'pass', delayMs: 1_000 })
    const statuses = await Promise.all(Array.from({ length: 15 }, async () => (await post('/test/deletion')).status))
    expect(statuses.filter((status) => status === 503)).toHaveLength(6)
    expect(statuses.filter((status) => status === 200)).toHaveLength(9)
  })
})

describe('npm run verify', () => {
  const verify = (...args: string[]) =>
    new Promise<{ status: number; output: string }>((done) => {
      execFile(process.execPath, [program, ...args], { env: {} }, (error, stdout, stderr) =>
        done({ status: error === null ? 0 : Number(error.code), output: stdout + stderr }),
      )
    })

  test('exits with 0 if all tests passed', async () => {
    const { status, output } = await verify(inject('apiUrl'))
    expect(status, output).toBe(0)
    for (const workflow of workflows) expect(output).toContain(`✓ test_${workflow}`)
  })

  test('exits with 1 if a test failed', async () => {
    proxy.plan({ kind: 'pass' }, { kind: 'pass' }, wrongItem('else'))
    const { status, output } = await verify(proxy.url)
    expect([status, output.split('\n').slice(1, 4)]).toEqual([1, ['    read the item', '      expected "here"', '      seen     "else"']])
  })

  test('exits with 2 if the API is unreachable or the arguments are invalid', async () => {
    const closed = await startFaultProxy(inject('apiUrl'))
    await closed.close()
    expect(await verify(closed.url)).toMatchObject({ status: 2, output: expect.stringContaining('could not be reached') })
    const silent = await startFaultProxy(inject('apiUrl'))
    silent.plan({ kind: 'black hole', forward: false })
    expect(await verify(silent.url)).toMatchObject({ status: 2, output: expect.stringContaining('could not be reached') })
    expect(silent.requests.map(({ method }) => method)).toEqual(['GET'])
    await silent.close()
    expect(await verify('nonsense')).toMatchObject({ status: 2, output: expect.stringContaining('must be the URL of the API') })
    expect(await verify('--what')).toMatchObject({ status: 2, output: expect.stringContaining('usage:') })
    expect(await verify('--help')).toMatchObject({ status: 0, output: expect.stringContaining('usage:') })
  })
})

test('an unreachable API is reported with 502, and the status has the time since when', async () => {
  await proxy.close()
  for (const path of ['/test/deletion', '/test/all']) {
    expect(await post(path)).toMatchObject({ status: 502, body: { success: false, details: { error: { code: 'connection_failed' } } } })
  }
  const { api } = TestStatus.parse(JSON.parse((await get('/test/status')).text))
  expect(api).toMatchObject({ reachable: false, error: { code: 'connection_failed' } })
  expect(JSON.parse((await get('/test/status')).text).api.since).toBe(api.since)
})

test('docs/verifier.md lists exactly the existing settings and routes', async () => {
  const page = await readFile(resolve(import.meta.dirname, '../../../docs/verifier.md'), 'utf8')
  expect([...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name).sort()).toEqual([...settingNames].sort())
  const documented = [...page.matchAll(/`(?:GET|POST) (\/[\w/.]+)`/g)].map(([, path]) => path)
  const routes = Object.values(verifierRoutes).flatMap(({ path }) =>
    path === '/test/{workflow}' ? workflows.map((workflow) => `/test/${workflow}`) : path === '/docs/{file}' ? [] : [path],
  )
  expect(documented.sort()).toEqual(routes.sort())
})

test.each([
  [{ PORT: 'x' }, /^holdfast: PORT must be a whole number from 0 to 65535, not "x"\n$/],
  [{ KV_SERVICE_URL: 'http://a:b@c' }, /^holdfast: KV_SERVICE_URL must be the URL of the API, such as http:\/\/127.0.0.1:8000\n$/],
  [{ API_KEY: 'a b' }, /^holdfast: API_KEY must be visible ASCII characters\n$/],
  [{ LOG_LEVEL: 'loud' }, /^holdfast: LOG_LEVEL must be fatal, .*not "loud"\n$/],
])('%j stops startup with one line', async (settings, line) => {
  const service = runService('verifier', settings as Record<string, string>)
  expect(await service.ended()).toBe(1)
  expect(service.output()).toMatch(line)
})
