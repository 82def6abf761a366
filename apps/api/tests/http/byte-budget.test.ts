import { createConnection } from 'node:net'
import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import { createByteBudget } from '../../src/http/overload/byte-budget.js'
import { useApi } from '../support/api.js'

const megabyte = 1_048_576
const full = new Error('full')
const create = (bytesMax: number, times = {}) => createByteBudget({ bytesMax, rejection: () => full, ...times })

describe('a byte budget', () => {
  test('large requests wait in order, and small ones do not wait', async () => {
    const budget = create(300_000)
    const first = await budget.reserve(200_000)
    const order: string[] = []
    const second = Promise.resolve(budget.reserve(200_000)).then((lease) => {
      order.push('second')
      return lease
    })
    const third = Promise.resolve(budget.reserve(100_000)).then((lease) => {
      order.push('third')
      return lease
    })
    expect(budget.use()).toEqual({ max: 300_000, used: 200_000, waiting: 2 })
    const small = await budget.reserve(50_000)
    small.release()
    first.release()
    for (const lease of [await second, await third]) lease.release()
    expect([order, budget.use()]).toEqual([['second', 'third'], { max: 300_000, used: 0, waiting: 0 }])
  })

  test('a full budget rejects large requests after a timeout, and small ones immediately', async () => {
    const budget = create(100_000, { maxWaitMs: 5 })
    const first = await budget.reserve(100_000)
    await expect(Promise.resolve(budget.reserve(70_000))).rejects.toBe(full)
    expect(() => budget.reserve(1)).toThrow(full)
    first.release()
    expect(budget.use()).toEqual({ max: 100_000, used: 0, waiting: 0 })
  })

  test('one request may exceed the budget if no other large one runs', async () => {
    const budget = create(100_000, { maxWaitMs: 5 })
    const huge = await budget.reserve(500_000)
    expect(huge.cover(500_000)).toBe(true)
    await expect(Promise.resolve(budget.reserve(500_000))).rejects.toBe(full)
    huge.release()
    ;(await budget.reserve(500_000)).release()
    expect(budget.use().used).toBe(0)
  })

  test('a slow sender holds only the bytes that have arrived', async () => {
    const budget = create(200_000, { slowMs: 5 })
    const slow = await budget.reserve(150_000)
    expect(slow.cover(1_000)).toBe(true)
    const other = await budget.reserve(190_000)
    expect(budget.use().used).toBe(191_000)
    expect(slow.cover(9_000)).toBe(true)
    expect(slow.cover(11_000)).toBe(false)
    other.release()
    expect(slow.cover(150_000)).toBe(true)
    slow.release()
    expect(budget.use().used).toBe(0)
  })
})

describe('request bodies', () => {
  const api = useApi({ MAX_BUFFERED_BYTES: String(megabyte) })
  const value = (bytes: number) => ({ value: 'x'.repeat(bytes) })
  const usedBytes = async () => Number(/^holdfast_request_bytes (\d+)/m.exec((await api.request('GET', '/metrics')).text)?.[1])

  test('that exceed the budget wait until they are applied, and then release their bytes', async () => {
    const puts = Array.from({ length: 12 }, (_, n) => api.request('PUT', `/items/large-${n}`, { json: value(400_000) }))
    expect(new Set((await Promise.all(puts)).map(({ status }) => status))).toEqual(new Set([201]))
    expect((await api.request('PUT', '/items/largest', { json: value(megabyte - 10) })).status).toBe(201)
    expect((await api.request('PUT', '/items/too-large', { json: value(megabyte) })).status).toBe(413)
    expect((await api.request('PUT', '/items/bad', { text: 'x'.repeat(100_000) })).status).toBe(400)
    expect(await usedBytes()).toBe(0)
  })

  test('of slow senders do not block other clients, and release their bytes when the connection closes', async () => {
    const head = `PUT /items/slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${megabyte}\r\n\r\n`
    const sockets = Array.from({ length: 3 }, () => createConnection(Number(new URL(api.url).port), '127.0.0.1'))
    for (const socket of sockets) socket.write(`${head}{"value":"`)
    await until(async () => (await usedBytes()) > 0)
    expect((await api.request('PUT', '/items/quick', { json: value(400_000) })).status).toBe(201)
    for (const socket of sockets) socket.destroy()
    await until(async () => (await usedBytes()) === 0)
  })
})

describe('a client that leaves before its body is read', () => {
  // With this store, each request waits for the database before its body is read.
  const api = useApi({ RATE_LIMIT_STORE: 'postgres', RATE_LIMIT_REQUESTS: '100', MAX_BUFFERED_BYTES: String(megabyte) })
  const gauge = async (name: string) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec((await api.request('GET', '/metrics')).text)?.[1])

  test.each(['', 'X-Not-Plain: 1\r\n'])('releases its bytes, with %o in its head', async (extra) => {
    const { hostname, port } = new URL(api.url)
    const head = `PUT /items/left HTTP/1.1\r\nHost: localhost\r\n${extra}Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n`
    for (let n = 0; n < 20; n++) {
      const socket = createConnection(Number(port), hostname)
      socket.on('error', () => {})
      socket.write(`${head}{"value":`, () => socket.resetAndDestroy())
      await new Promise((resolve) => socket.once('close', resolve))
    }
    // The request for the metrics is one.
    await until(async () => (await gauge('holdfast_http_requests_in_flight')) === 1)
    expect(await gauge('holdfast_request_bytes')).toBe(0)
  })
})
