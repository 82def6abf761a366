import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import { useApi } from '../support/api.js'
import { sendRaw } from '../support/raw.js'

const mebibyte = 1_048_576
const key = 'a-key-that-is-long-enough-for-an-admin'
const json = { 'content-type': 'application/json' }

/** Returns an endless body. */
const endless = () => {
  const chunk = new Uint8Array(65_536).fill(0x20)
  return new ReadableStream({ pull: (controller) => controller.enqueue(chunk) })
}

type Body = string | ReadableStream<Uint8Array>

const bodies: readonly (readonly [string, () => Body])[] = [
  ['2 MiB', () => 'x'.repeat(2 * mebibyte)],
  ['20 MiB', () => 'x'.repeat(20 * mebibyte)],
  ['an endless stream', endless],
]

describe('a response before the end of the body', () => {
  const api = useApi({ AUTH: 'required', ADMIN_API_KEY: key, METRICS_PORT: '0' })
  const limited = useApi({ RATE_LIMIT_REQUESTS: '1', RATE_LIMIT_WINDOW_SECONDS: '3600' })
  const authorization = `Bearer ${key}`

  const cases: readonly (readonly [number, string, string, Record<string, string>])[] = [
    [400, 'PUT', '/items/%ff', { authorization }],
    [401, 'PUT', '/items/large', {}],
    [404, 'PUT', '/no/route', {}],
    [405, 'PUT', '/batch/get', { authorization }],
    [413, 'PUT', '/items/large', { authorization }],
    [413, 'POST', '/items', { authorization }],
    [413, 'PUT', '/keys/large', { authorization }],
    [415, 'PUT', '/items/large', { authorization, 'content-encoding': 'gzip' }],
  ]
  const all = cases.flatMap((each) => bodies.map(([name, body]) => [...each, name, body] as const))

  test.each(all)('%i for %s %s with %o and %s', async (status, method, path, headers, _name, body) => {
    const call = async () => {
      const response = await fetch(api.url + path, {
        method,
        headers: { ...json, ...headers },
        body: body(),
        duplex: 'half',
      } as RequestInit)
      return [response.status, ((await response.json()) as { status: number }).status]
    }
    const statuses = await Promise.all(Array.from({ length: 4 }, call))
    expect(statuses).toEqual(Array(4).fill([status, status]))
  })

  test('429 if the client is exhausted', async () => {
    await fetch(`${limited.url}/items`)
    for (const [, body] of bodies) {
      const init = { method: 'PUT', headers: json, body: body(), duplex: 'half' } as RequestInit
      expect((await fetch(`${limited.url}/items/large`, init)).status).toBe(429)
    }
  })

  test('405 on the metrics port', async () => {
    const { metricsUrl } = api
    for (const [, body] of bodies) {
      const response = await fetch(`${metricsUrl}/metrics`, { method: 'PUT', body: body(), duplex: 'half' } as RequestInit)
      expect(response.status).toBe(405)
    }
  })

  test('413 for a client that sends the whole body before it reads', async () => {
    const { port } = new URL(api.url)
    const head = `PUT /items/large HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nContent-Length: ${8 * mebibyte}\r\n\r\n`
    const socket = connect(Number(port), '127.0.0.1').pause()
    await once(socket, 'connect')
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.write(head)
      socket.write(Buffer.alloc(8 * mebibyte), () => resolve())
    })
    let received = ''
    socket.on('data', (data) => {
      received += data.toString('latin1')
    })
    socket.resume()
    await once(socket, 'end')
    socket.destroy()
    expect(received).toMatch(/^HTTP\/1.1 413 /)
    expect(received.toLowerCase()).toContain('connection: close')
  })

  test('413 for the client of node:http', async () => {
    const sent = request(`${api.url}/items/large`, { method: 'PUT', headers: { authorization, 'content-length': 8 * mebibyte } })
    sent.end(Buffer.alloc(8 * mebibyte))
    const [response] = await once(sent, 'response')
    response.resume()
    expect(response.statusCode).toBe(413)
  })
})

/** Sends parts over one connection. Sends each part when the response to the previous one has begun. */
const converse = async (url: string, parts: readonly string[]) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let received = ''
  socket.on('data', (data) => {
    received += data.toString('latin1')
  })
  socket.on('error', () => {})
  const statuses = () => [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
  for (const [n, part] of parts.entries()) {
    socket.write(part)
    await until(() => socket.closed || statuses().length > n || n === parts.length - 1)
  }
  return { socket, statuses, received: () => received }
}

const host = 'Host: localhost\r\n'
const put = (target: string, headers = '') => `PUT ${target} HTTP/1.1\r\n${host}${headers}\r\n`

describe('a connection', () => {
  const api = useApi({}, { lingerTimeout: 600, lingerIdleTimeout: 200, lingerBytes: mebibyte })

  test('stays open if the rest of the body is small', async () => {
    const { socket, statuses } = await converse(api.url, [
      put('/no/route', 'Content-Length: 1000\r\n'),
      `${'x'.repeat(1_000)}${put('/items/next?value=1')}`,
    ])
    await until(() => statuses().length === 2)
    expect(statuses()).toEqual([404, 201])
    socket.destroy()
  })

  test('processes no request after a response with Connection: close', async () => {
    const { socket, statuses, received } = await converse(api.url, [
      put('/no/route', 'Content-Length: 100000\r\n'),
      `${'x'.repeat(100_000)}${put('/items/after?value=1')}`,
    ])
    await until(() => socket.closed)
    expect(statuses()).toEqual([404])
    expect(received().toLowerCase()).toContain('connection: close')
    expect((await api.request('GET', '/items/after')).status).toBe(404)
  })

  test('sends responses in order even if a later request is rejected early', async () => {
    await api.request('PUT', '/items/held?value=1')
    let early: Awaited<ReturnType<typeof converse>> | undefined
    await api.sql.begin(async (holder) => {
      await holder`select 1 from items where key = 'held' for update`
      early = await converse(api.url, [`${put('/items/held?value=2')}${put('/no/route', 'Content-Length: 100000\r\n')}`])
      await until(async () => (await holder`select 1 from pg_stat_activity where wait_event_type = 'Lock'`).length > 0)
      expect(early.statuses()).toEqual([])
    })
    await until(() => early?.socket.closed === true)
    expect(early?.statuses()).toEqual([200, 404])
  })

  test.each([
    ['of a stalled sender', 'Content-Length: 100000\r\n', ''],
    ['of an endless slow sender', 'Transfer-Encoding: chunked\r\n', '1\r\nx\r\n'],
    ['of an endless fast sender', 'Transfer-Encoding: chunked\r\n', `10000\r\n${'x'.repeat(65_536)}\r\n`],
  ])('%s is closed at a limit', async (_name, framing, more) => {
    const { socket, statuses } = await converse(api.url, [put('/no/route', framing), more])
    const sending = setInterval(() => socket.write(more), 5)
    await until(() => socket.closed)
    clearInterval(sending)
    expect(statuses()).toEqual([404])
  })

  test('gets the response to a request before the error for the garbage after it', async () => {
    const { socket, statuses } = await converse(api.url, [`${put('/items/first?value=1')}garbage\r\n\r\n`])
    await until(() => socket.closed)
    expect(statuses()).toEqual([201, 400])
  })

  test('gets one response if another request follows Connection: close', async () => {
    const { socket, statuses } = await converse(api.url, [
      `${put('/items/one?value=1', 'Connection: close\r\n')}${put('/items/two?value=1')}`,
    ])
    await until(() => socket.closed)
    expect(statuses()).toEqual([201])
    expect((await api.request('GET', '/items/two')).status).toBe(404)
  })

  test('with endless garbage is closed at a limit', async () => {
    const { socket, statuses } = await converse(api.url, ['garbage\r\n\r\n'])
    const sending = setInterval(() => socket.write('more'), 5)
    await until(() => socket.closed)
    clearInterval(sending)
    expect(statuses()).toEqual([400])
  })
})

describe('Expect', () => {
  const api = useApi({ AUTH: 'required', ADMIN_API_KEY: key })
  const accepted = `Authorization: Bearer ${key}\r\nContent-Type: application/json\r\n`
  const expecting = (headers: string, target = '/items/expected') => put(target, `Expect: 100-continue\r\n${headers}`)

  test.each([
    [401, expecting('Content-Length: 11\r\n')],
    [404, expecting('Content-Length: 11\r\n', '/no/route')],
    [405, expecting(`${accepted}Content-Length: 11\r\n`, '/batch/get')],
    [413, expecting(`${accepted}Content-Length: 99999999\r\n`)],
    [415, expecting(`Authorization: Bearer ${key}\r\nContent-Length: 11\r\n`)],
    [417, put('/items/expected', 'Expect: 200-ok\r\nContent-Length: 11\r\n')],
    [417, put('/items/expected', 'Expect: 100-continue, 200-ok\r\nContent-Length: 11\r\n')],
  ])('a %i response is sent without 100 Continue and closes the connection', async (status, bytes) => {
    const received = await sendRaw(api.url, bytes)
    expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(received).toContain('application/problem+json')
    expect(received.toLowerCase()).toContain('connection: close')
  })

  test('100-continue gets 100 Continue if the head is valid', async () => {
    const { socket, statuses } = await converse(api.url, [expecting(`${accepted}Content-Length: 11\r\n`), '{"value":1}'])
    await until(() => statuses().length === 2)
    expect(statuses()).toEqual([100, 201])
    socket.destroy()
  })

  test('is ignored in HTTP/1.0', async () => {
    const bytes = `PUT /items/old HTTP/1.0\r\nExpect: 100-continue\r\n${accepted}Content-Length: 11\r\n\r\n{"value":1}`
    expect(await sendRaw(api.url, bytes)).toMatch(/^HTTP\/1.1 201 /)
  })
})
