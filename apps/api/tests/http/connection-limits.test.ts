import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { until } from '@holdfast/testbed/until'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { startApi, useApi } from '../support/api.js'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** Opens a connection from a loopback address. `call` sends a request and returns the status, or null if the connection was closed. */
const open = async (url: string, localAddress: string) => {
  const { hostname, port } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname, localAddress })
  sockets.push(socket)
  socket.on('error', () => {})
  let received = ''
  socket.on('data', (data) => {
    received += data.toString('latin1')
  })
  await once(socket, 'connect')
  const status = () => /^HTTP\/1\.1 (\d+)/.exec(received)?.[1]
  const call = async (path: string, method = 'GET', headers = '') => {
    received = ''
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)
    await until(() => socket.closed || /\r\n\r\n/.test(received))
    return status() === undefined ? null : Number(status())
  }
  return { socket, call }
}

const openMany = (url: string, count: number, localAddress: string) =>
  Promise.all(Array.from({ length: count }, () => open(url, localAddress)))

/** Keeps connections busy: the service waits for the body of a request on each of them. */
const stall = (connections: readonly Awaited<ReturnType<typeof open>>[]) =>
  Promise.all(
    connections.map(async ({ call }) => {
      const headers = 'Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n'
      expect(await call('/items/stalled', 'PUT', headers)).toBe(100)
    }),
  )

describe('the limit on connections of a client', () => {
  const api = useApi({}, { connectionsMax: 20, connectionsPerClientMax: 8, connectionsReserved: 4 })

  test('new connections replace idle ones, first those without a request', async () => {
    const used = await open(api.url, '127.0.0.2')
    expect(await used.call('/health/live')).toBe(200)
    const silent = await openMany(api.url, 7, '127.0.0.2')
    const more = await openMany(api.url, 7, '127.0.0.2')
    await until(() => silent.every(({ socket }) => socket.closed))
    expect(await used.call('/health/live')).toBe(200)
    expect(await Promise.all(more.map(({ call }) => call('/health/live')))).toEqual(Array(7).fill(200))
  })

  test('other clients keep their connections', async () => {
    const other = await open(api.url, '127.0.0.3')
    await openMany(api.url, 100, '127.0.0.2')
    expect(await other.call('/items')).toBe(200)
    expect(await (await open(api.url, '127.0.0.4')).call('/items')).toBe(200)
  })

  test('a new connection is closed if all others are busy', async () => {
    const busy = await openMany(api.url, 8, '127.0.0.2')
    await stall(busy)
    expect(await (await open(api.url, '127.0.0.2')).call('/health/live')).toBe(null)
    expect(busy.every(({ socket }) => !socket.closed)).toBe(true)
  })
})

describe('the limit on connections of all clients', () => {
  const api = useApi({}, { connectionsMax: 4, connectionsPerClientMax: 4, connectionsReserved: 2 })

  test('a new connection only serves health checks if all others are busy', async () => {
    await stall(await openMany(api.url, 4, '127.0.0.2'))
    expect(await (await open(api.url, '127.0.0.3')).call('/items')).toBe(503)
    expect(await (await open(api.url, '127.0.0.3')).call('/health/ready')).toBe(200)
  })

  test('a new connection replaces an idle one of another client', async () => {
    const idle = await openMany(api.url, 4, '127.0.0.2')
    expect(await (await open(api.url, '127.0.0.3')).call('/items')).toBe(200)
    await until(() => idle.filter(({ socket }) => socket.closed).length === 1)
  })
})

test('a trusted proxy is exempt from the limit of a client', async () => {
  const api = await startApi(inject('postgresUrl'), { TRUST_PROXY: '127.0.0.2', MAX_CONNECTIONS: '50', MAX_CONNECTIONS_PER_CLIENT: '3' })
  try {
    const proxied = await openMany(api.url, 20, '127.0.0.2')
    expect(await Promise.all(proxied.map(({ call }) => call('/health/live')))).toEqual(Array(20).fill(200))
    const direct = await openMany(api.url, 20, '127.0.0.3')
    await until(() => direct.filter(({ socket }) => socket.closed).length === 17)
  } finally {
    await api.sql.end()
    await api.service.stop(0)
  }
})
