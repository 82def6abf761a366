import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Problem } from '@holdfast/contracts'
import { until } from '@holdfast/testbed/until'
import { Hono } from 'hono'
import { afterEach, describe, expect, test } from 'vitest'
import type { HttpEnv } from '../../src/http/hono-env.js'
import { createHttpServer } from '../../src/http/http-server.js'
import { useApi } from '../support/api.js'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** Opens a connection. `received` returns everything that arrived. */
const open = async (url: string) => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  let received = ''
  socket.on('data', (data) => {
    received += data.toString('latin1')
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return { socket, received: () => received, closed: () => until(() => socket.closed) }
}

const head = 'PUT /items/slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
const get = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'

test('the limits are the documented ones', () => {
  const server = createHttpServer({ general: new Hono<HttpEnv>() })
  expect(server).toMatchObject({
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: 65_000,
    maxConnections: 10_100,
  })
})

describe('slow senders', () => {
  const api = useApi({}, { headersTimeout: 400, requestTimeout: 800, connectionsCheckingInterval: 50 })

  test.each<[string, string, string?]>([
    ['an incomplete head', 'GET /items HTTP/1.1\r\nHost: local'],
    ['a head that arrives byte by byte', 'GET /items HTTP/1.1\r\nX: ', 'x'],
    ['an incomplete body', `${head}Content-Length: 100\r\n\r\n{"value":`],
    ['a body that arrives byte by byte', `${head}Content-Length: 100000\r\n\r\n{"value":"`, 'x'],
    ['endless chunks', `${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'],
    ['a silent connection', ''],
    ['an incomplete second request', `${get}GET /items HTT`],
  ])('%s gets 408 and is closed, while other clients are served', async (_name, bytes, more) => {
    const { socket, received, closed } = await open(api.url)
    socket.write(bytes)
    let served = 0
    while (!socket.closed) {
      if (more !== undefined) socket.write(more)
      expect((await api.request('GET', '/items')).status).toBe(200)
      served++
    }
    await closed()
    expect(served).toBeGreaterThan(3)
    const response = received().slice(received().lastIndexOf('HTTP/1.1 '))
    expect(response).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
    expect(response.toLowerCase()).toContain('connection: close')
    expect(Problem.parse(JSON.parse(response.split('\r\n\r\n')[1] ?? '')).code).toBe('request_timeout')
    expect((await api.request('GET', '/items/slow')).status).toBe(404)
  })

  test.each([
    ['is incomplete', 'GET /items HTT', 408],
    ['is not HTTP', 'nonsense\r\n\r\n', 400],
  ])('a pending response precedes the error for a later request that %s', async (_name, later, status) => {
    await api.request('PUT', '/items/held?value=1')
    const { socket, received, closed } = await open(api.url)
    await api.sql.begin(async (holder) => {
      await holder`select 1 from items where key = 'held' for update`
      socket.write(`PUT /items/held?value=2 HTTP/1.1\r\nHost: localhost\r\n\r\n${later}`)
      await until(async () => (await holder`select 1 from pg_stat_activity where wait_event_type = 'Lock'`).length > 0)
      expect(received()).toBe('')
    })
    await closed()
    expect([...received().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, each]) => Number(each))).toEqual([200, status])
  })
})

describe('idle connections', () => {
  const api = useApi({}, { keepAliveTimeout: 100 })

  test('are closed after the keep-alive timeout', async () => {
    const { socket, received, closed } = await open(api.url)
    socket.write(get)
    await closed()
    expect(received()).toMatch(/^HTTP\/1.1 200 /)
  })
})

describe('1,000 idle connections and 200 slow senders', () => {
  const api = useApi()

  test('do not block other clients', async () => {
    const idle = await Promise.all(Array.from({ length: 1_000 }, () => open(api.url)))
    for (const { socket } of idle) socket.write(get)
    await until(() => idle.every(({ received }) => received().startsWith('HTTP/1.1 200 ')))
    const slow = await Promise.all(Array.from({ length: 200 }, () => open(api.url)))
    for (const [n, { socket }] of slow.entries()) socket.write(n % 2 === 0 ? 'GET /it' : `${head}Content-Length: 100\r\n\r\n{`)
    const responses = await Promise.all(Array.from({ length: 100 }, (_, n) => api.request('PUT', `/items/k${n}?value=1`)))
    expect(responses.every(({ status }) => status === 201)).toBe(true)
    expect([...idle, ...slow].every(({ socket }) => !socket.closed)).toBe(true)
  })
})
