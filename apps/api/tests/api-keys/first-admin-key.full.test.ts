import { freePort } from '@holdfast/testbed/free-port'
import { runService, type ServiceProcess } from '@holdfast/testbed/service-process'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { type ApiResponse, send, startApi, startReplica, type TestApi } from '../support/api.js'

const running: ServiceProcess[] = []
const opened: Awaited<ReturnType<typeof startApi>>[] = []
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGTERM')
    await ended()
  }
  for (const { sql, service } of opened.splice(0)) {
    await sql.end()
    await service.stop(0)
  }
})

/** A database with the tables but without API keys. */
const openApi = async (): Promise<TestApi> => {
  const api = await startApi(inject('postgresUrl'))
  opened.push(api)
  return api
}
const start = (databaseUrl: string, settings: Record<string, string> = {}): ServiceProcess => {
  const service = runService('api', { DATABASE_URL: databaseUrl, AUTH: 'required', ...settings })
  running.push(service)
  return service
}
const keysIn = (...services: ServiceProcess[]): string[] =>
  services.flatMap((service) => service.output().match(/hf_bootstrapkey_[\w-]{43}/g) ?? [])
const as = (url: string, key: string, method: string, path: string, json?: unknown): Promise<ApiResponse> =>
  send(url, method, path, { ...(json === undefined ? {} : { json }), headers: { authorization: `Bearer ${key}` } })

describe('a service that requires API keys and has none', () => {
  test('creates an admin key, shows it once at any log level, and stores only its digest', async () => {
    const api = await openApi()
    const port = String(await freePort())
    const first = start(api.databaseUrl, { LOG_LEVEL: 'silent', PORT: port })
    await expect.poll(() => keysIn(first)).toHaveLength(1)
    const [key = ''] = keysIn(first)
    const line = JSON.parse(first.output().split('\n')[0] ?? '')
    expect(line).toMatchObject({ level: 'warn', admin_api_key: key, msg: expect.stringContaining('DELETE /api-keys/bootstrapkey') })
    expect(JSON.stringify(await api.sql`select * from api_keys`)).not.toContain(key.slice(-43))
    const url = `http://127.0.0.1:${port}`
    expect((await as(url, key, 'PUT', '/items/a?value=x')).status).toBe(201)
    expect((await as(url, key, 'GET', '/items/a')).status).toBe(200)
    const created = await as(url, key, 'POST', '/api-keys', { scopes: ['admin'] })
    expect(created.status).toBe(201)

    const restarted = start(api.databaseUrl)
    await restarted.ready()
    expect(keysIn(restarted)).toEqual([])
    expect((await as(await restarted.ready(), created.json.api_key, 'DELETE', '/api-keys/bootstrapkey')).status).toBe(204)
    await expect.poll(async () => (await as(url, key, 'GET', '/items/a')).status, { timeout: 5_000 }).toBe(401)
  })

  test('shows the key as text with LOG_FORMAT=text', async () => {
    const service = start((await openApi()).databaseUrl, { LOG_FORMAT: 'text' })
    await expect.poll(() => service.output()).toMatch(/only this once:\n\n {2}hf_bootstrapkey_[\w-]{43}\n\n/)
  })

  test('creates only one key if replicas and workers start at the same time', async () => {
    const api = await openApi()
    const services = ['1', '2', '1'].map((workers) => start(api.databaseUrl, { WORKERS: workers }))
    const urls = await Promise.all(services.map((service) => service.ready()))
    const [key = '', ...others] = keysIn(...services)
    expect(others).toEqual([])
    for (const url of urls) expect((await as(url, key, 'GET', '/api-keys')).json.api_keys).toHaveLength(1)
  })
})

describe('no key is created', () => {
  test.each([{ AUTH: 'off' }, { AUTH: 'required', ADMIN_API_KEY: 'k'.repeat(32) }])('with %j', async (settings) => {
    const api = await openApi()
    const replica = await startReplica(api, settings)
    expect(replica.firstAdminKey).toBeUndefined()
    expect(await api.sql`select from api_keys`).toHaveLength(0)
    await replica.stop(0)
  })

  test('if another key exists, with a warning if none has the scope admin', async () => {
    const api = await openApi()
    await api.sql`insert into api_keys (id, digest, name, scopes, created_at) values ('reader', 'x', '', '{read}', now())`
    const service = start(api.databaseUrl)
    await service.ready()
    expect(keysIn(service)).toEqual([])
    expect(service.output()).toContain('no API key has the scope admin; set ADMIN_API_KEY')
  })
})
