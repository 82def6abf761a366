import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { until } from '@holdfast/testbed/until'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { startApi, useApi } from '../support/api.js'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** Opens a connection from an address of this machine; `ask` sends a request and answers the status of the response, null if the connection closed. */
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
  const ask = async (path: string, method = 'GET', headers = '') => {
    received = ''
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)
    await until(() => socket.closed || /\r\n\r\n/.test(received))
    return status() === undefined ? null : Number(status())
  }
  return { socket, ask }
}

const openMany = (url: string, count: number, localAddress: string) =>
  Promise.all(Array.from({ length: count }, () => open(url, localAddress)))

/** Keeps connections busy, each with a request whose body never comes, once the service asks for it. */
const stall = (connections: readonly Awaited<ReturnType<typeof open>>[]) =>
  Promise.all(
    connections.map(async ({ ask }) => {
      const headers = 'Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n'
      expect(await ask('/items/stalled', 'PUT', headers)).toBe(100)
    }),
  )

describe('connections of one client', () => {
  const api = useApi({}, { connectionsMax: 20, connectionsPerClientMax: 8, connectionsReserved: 4 })

  test('beyond its limit replace its idle ones, those that never sent a request first', async () => {
    const used = await open(api.url, '127.0.0.2')
    expect(await used.ask('/health/live')).toBe(200)
    const silent = await openMany(api.url, 7, '127.0.0.2')
    const more = await openMany(api.url, 7, '127.0.0.2')
    await until(() => silent.every(({ socket }) => socket.closed))
    expect(await used.ask('/health/live')).toBe(200)
    expect(await Promise.all(more.map(({ ask }) => ask('/health/live')))).toEqual(Array(7).fill(200))
  })

  test('leave others alone', async () => {
    const other = await open(api.url, '127.0.0.3')
    await openMany(api.url, 100, '127.0.0.2')
    expect(await other.ask('/items')).toBe(200)
    expect(await (await open(api.url, '127.0.0.4')).ask('/items')).toBe(200)
  })

  test('beyond its limit are closed if all others are busy', async () => {
    const busy = await openMany(api.url, 8, '127.0.0.2')
    await stall(busy)
    expect(await (await open(api.url, '127.0.0.2')).ask('/health/live')).toBe(null)
    expect(busy.every(({ socket }) => !socket.closed)).toBe(true)
  })
})

describe('connections of all clients', () => {
  const api = useApi({}, { connectionsMax: 4, connectionsPerClientMax: 4, connectionsReserved: 2 })

  test('beyond the limit serve health checks if all others are busy', async () => {
    await stall(await openMany(api.url, 4, '127.0.0.2'))
    expect(await (await open(api.url, '127.0.0.3')).ask('/items')).toBe(503)
    expect(await (await open(api.url, '127.0.0.3')).ask('/health/ready')).toBe(200)
  })

  test('beyond the limit replace idle ones of other clients', async () => {
    const idle = await openMany(api.url, 4, '127.0.0.2')
    expect(await (await open(api.url, '127.0.0.3')).ask('/items')).toBe(200)
    await until(() => idle.filter(({ socket }) => socket.closed).length === 1)
  })
})

test('a trusted proxy has no limit of its own', async () => {
  const api = await startApi(inject('postgresUrl'), { TRUST_PROXY: '127.0.0.2', MAX_CONNECTIONS: '50', MAX_CONNECTIONS_PER_CLIENT: '3' })
  try {
    const proxied = await openMany(api.url, 20, '127.0.0.2')
    expect(await Promise.all(proxied.map(({ ask }) => ask('/health/live')))).toEqual(Array(20).fill(200))
    const direct = await openMany(api.url, 20, '127.0.0.3')
    await until(() => direct.filter(({ socket }) => socket.closed).length === 17)
  } finally {
    await api.sql.end()
    await api.service.stop(0)
  }
})
