import { describe, expect, test } from 'vitest'
import { bare, idempotencyKeys, retryNow } from './support/faults.js'
import { newKey, proxied, rejection } from './support/proxied.js'

describe.concurrent('an idempotency key', () => {
  test('is the same UUID for all attempts of a write, and another for the next write', async () => {
    const { proxy, client } = await proxied()
    proxy.plan({ kind: 'cut before' }, bare(502, retryNow))
    await client.put(newKey(), 1)
    await client.create(newKey(), 1)
    const [first, second, third, fourth] = idempotencyKeys(proxy.requests)
    expect(first).toMatch(/^"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"$/)
    expect([second, third]).toEqual([first, first])
    expect(fourth).toMatch(/^"/)
    expect(fourth).not.toBe(first)
  })

  test('is sent with every write and with no read', async () => {
    const { proxy, client } = await proxied()
    const key = newKey()
    await client.create(key, 1)
    await client.put(key, 2)
    await client.update(key, () => 3)
    await client.delete(key)
    await client.deletePrefix(key)
    await client.list({ prefix: key })
    await client.has(key)
    const keyed = proxy.requests.map(({ method, headers }) => [method, headers.has('idempotency-key')])
    expect(keyed.map(([method]) => method)).toEqual(['POST', 'PUT', 'GET', 'PUT', 'DELETE', 'DELETE', 'GET', 'GET'])
    for (const [method, has] of keyed) expect(has, String(method)).toBe(method !== 'GET')
  })

  test('can be set by the caller', async () => {
    const { proxy, client } = await proxied()
    await client.put(newKey(), 1, { idempotencyKey: 'order "7"' })
    expect(idempotencyKeys(proxy.requests)).toEqual(['"order \\"7\\""'])
    for (const idempotencyKey of ['', 'é', 'x'.repeat(256), 'a\nb']) {
      expect(await rejection(client.put('k', 1, { idempotencyKey }))).toMatchObject({ name: 'InvalidArgumentError' })
    }
  })
})
