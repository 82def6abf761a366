import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { onExit } from '@holdfast/testbed/on-exit'
import { runService, type ServiceProcess, serviceProgram } from '@holdfast/testbed/service-process'
import { until } from '@holdfast/testbed/until'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type ApiResponse, send } from '../support/api.js'
import { sendRaw } from '../support/raw.js'

/** Requests and the statuses of their responses. */
const requests = [
  ['PUT', '/items/greeting?value=secret', 201],
  ['GET', '/items/greeting', 200],
  ['GET', '/items/none', 404],
  ['GET', '/nowhere/a', 404],
  ['GET', '/items?page=0', 400],
  ['POST', '/health', 405],
  ['PUT', '/items/large', 413],
  ['PUT', '/items/form', 415],
  ['PUT', '/items/greeting', 412],
  ['DELETE', '/items/greeting', 204],
] as const

const sendOne = (url: string, method: string, path: string, status: number): Promise<ApiResponse> => {
  if (status === 413) return send(url, method, path, { json: { value: 'x'.repeat(1_100_000) } })
  if (status === 415) return send(url, method, path, { text: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } })
  if (status === 412) return send(url, method, path, { json: { value: 1 }, headers: { 'if-none-match': '*' } })
  return send(url, method, path)
}

/** Sends all requests. Returns the id of each response. */
const sendAll = async (url: string): Promise<readonly { path: string; status: number; id: string }[]> => {
  const responses = []
  for (const [method, path, status] of requests) {
    const { status: actual, headers } = await sendOne(url, method, path, status)
    expect([path, actual]).toEqual([path, status])
    responses.push({ path, status, id: headers.get('x-request-id') ?? '' })
  }
  return responses
}

const stop = async (service: ServiceProcess): Promise<void> => {
  service.child.kill('SIGINT')
  await service.ended()
}

describe('the log as JSON', () => {
  test.each(['info', 'debug'])('at level %s has the documented request ids', async (level) => {
    const service = runService('api', { DATABASE_URL: inject('postgresUrl'), LOG_LEVEL: level })
    const url = await service.ready()
    const responses = await sendAll(url)
    await sendRaw(url, 'GET /items/a HTTP/1.1\r\nHost: evil.example\r\nX-Request-Id: foreign\r\nConnection: close\r\n\r\n')
    await stop(service)
    const lines = service
      .output()
      .split('\n')
      .filter((line) => line.includes('"status"'))
      .map((line) => JSON.parse(line))
    const logged = (id: string) => lines.filter((line) => line.request_id === id).map(({ status }) => status)
    const isQuiet = (path: string, status: number) => level === 'info' && (status < 400 || status === 412 || path === '/items/none')
    expect(responses.map(({ id }) => logged(id))).toEqual(responses.map(({ path, status }) => (isQuiet(path, status) ? [] : [status])))
    expect(lines.find((line) => line.request_id === 'foreign')).toMatchObject({ status: 403, client: '127.0.0.1' })
    expect(service.output()).not.toMatch(/greeting|nowhere|large/)
  })
})

describe('the log as text', () => {
  test('has one line per request with its method, path, status, duration, id and client', async () => {
    const service = runService('api', { DATABASE_URL: inject('postgresUrl'), LOG_FORMAT: 'text', PORT: '0' })
    await until(() => /url=http\S+/.test(service.output()))
    const url = /url=(http\S+)/.exec(service.output())?.[1] ?? ''
    const responses = await sendAll(url)
    await sendRaw(url, 'GET /items/%1b%5b2J\x80\x9b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    await stop(service)
    const lines = service.output().split('\n')
    for (const { path, status, id } of responses) {
      const found = lines.filter((line) => line.includes(id))
      expect(found).toHaveLength(1)
      const shown = path.replace(/\?.*/, '').replaceAll('/', '\\/')
      expect(found[0]).toMatch(
        new RegExp(`^\\d\\d:\\d\\d:\\d\\d\\.\\d{3} info  [A-Z]+ ${shown} ${status} \\d+\\.\\d ms request_id=${id} client=127\\.0\\.0\\.1$`),
      )
    }
    expect(service.output()).not.toContain('secret')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the log must not contain control characters
    expect(service.output()).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
    expect(lines.at(-2)).toMatch(/ info {2}stopped$/)
  })
})

const script = '/usr/bin/script'

describe.skipIf(!existsSync(script))('the log on a terminal', () => {
  let output = ''
  let ended: Promise<number | null>
  const startOnTerminal = (settings: Record<string, string>) => {
    const env = {
      PATH: process.env.PATH,
      TERM: 'xterm',
      PORT: '0',
      DATABASE_URL: inject('postgresUrl'),
      RATE_LIMIT_REQUESTS: '0',
      ...settings,
    }
    const child = spawn(script, ['--quiet', '--return', '--command', `exec ${process.execPath} ${serviceProgram('api')}`, '/dev/null'], {
      env,
    })
    child.once(
      'exit',
      onExit(() => child.kill('SIGKILL')),
    )
    child.stdout.on('data', (data) => {
      output += data
    })
    ended = new Promise((resolve) => child.once('exit', resolve))
    return child
  }
  let child: ReturnType<typeof startOnTerminal>
  beforeAll(async () => {
    child = startOnTerminal({})
    await until(() => output.includes('listening'))
  })
  afterAll(() => child.kill('SIGKILL'))

  test('is colored text, has the rate limit, and ends with a graceful stop', async () => {
    const url = /url=(http\S+)/.exec(output)?.[1] ?? ''
    expect(output).toContain('rate_limit="no limit for each client address (RATE_LIMIT_REQUESTS=0)"')
    expect((await send(url, 'GET', '/items/none')).status).toBe(404)
    await until(() => output.includes('GET /items/none 404'))
    expect(output).toContain('\u001b[36minfo \u001b[0m GET /items/none 404')
    // Ctrl-C
    child.stdin.write('\x03')
    expect(await ended).toBe(0)
    expect(output).toMatch(/stopped\r\n/)
  })
})
