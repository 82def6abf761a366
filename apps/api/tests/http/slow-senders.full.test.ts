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

/** A connection, and all that came over it. */
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

test('the bounds are those that the documents name', () => {
  const server = createHttpServer(new Hono<HttpEnv>())
  expect(server).toMatchObject({
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: 65_000,
    maxConnections: 10_100,
  })
})

describe('senders that are slow', () => {
  const api = useApi({}, { headersTimeout: 400, requestTimeout: 800, connectionsCheckingInterval: 50 })

  test.each<[string, string, string?]>([
    ['of a head that never ends', 'GET /items HTTP/1.1\r\nHost: local'],
    ['of a head, a byte at a time', 'GET /items HTTP/1.1\r\nX: ', 'x'],
    ['of a body that never ends', `${head}Content-Length: 100\r\n\r\n{"value":`],
    ['of a body, a byte at a time', `${head}Content-Length: 100000\r\n\r\n{"value":"`, 'x'],
    ['of chunks that never end', `${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'],
    ['of nothing at all', ''],
    ['of a second request', `${get}GET /items HTT`],
  ])('%s: 408 and a closed connection, and others are served meanwhile', async (_name, bytes, more) => {
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
    const answer = received().slice(received().lastIndexOf('HTTP/1.1 '))
    expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(Problem.parse(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).code).toBe('request_timeout')
    expect((await api.request('GET', '/items/slow')).status).toBe(404)
  })

  test.each([
    ['never ends', 'GET /items HTT', 408],
    ['is not HTTP', 'nonsense\r\n\r\n', 400],
  ])('a response that is due comes before that to a later request, which %s', async (_name, later, status) => {
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

describe('connections', () => {
  const api = useApi({}, { keepAliveTimeout: 100 })

  test('that are idle for too long are closed', async () => {
    const { socket, received, closed } = await open(api.url)
    socket.write(get)
    await closed()
    expect(received()).toMatch(/^HTTP\/1.1 200 /)
  })
})

describe('1,000 idle connections and 200 slow senders', () => {
  const api = useApi()

  test('keep nobody from being served', async () => {
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
