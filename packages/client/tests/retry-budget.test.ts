import { describe, expect, test } from 'vitest'
import { createClient, type HoldfastError } from '../src/index.js'
import { bare, retryNow, silence, times } from './support/faults.js'
import { newKey, proxied, rejection } from './support/proxied.js'

describe.concurrent('the retry budget', () => {
  test('stops retries to a failing service for all clients of its origin', async () => {
    const { proxy, client } = await proxied()
    proxy.plan(...times(100, bare(500, retryNow)))
    const attempts: number[] = []
    for (let call = 0; call < 8; call++) attempts.push(((await rejection(client.get('k'))) as HoldfastError).attempts)
    // 100 tokens are 20 retries.
    expect(attempts).toEqual([4, 4, 4, 4, 4, 4, 3, 1])
    const other = createClient({ url: proxy.url })
    expect(await rejection(other.get('k'))).toMatchObject({ attempts: 1 })
  })

  test('is charged twice as much after a timeout', async () => {
    const { proxy, client } = await proxied({ timeout: 50 })
    proxy.plan(...times(100, silence))
    const attempts: number[] = []
    for (let call = 0; call < 5; call++) attempts.push(((await rejection(client.get('k'))) as HoldfastError).attempts)
    expect(attempts).toEqual([4, 4, 4, 2, 1])
  })

  test('gets one token back for each success', async () => {
    const { proxy, client } = await proxied()
    proxy.plan(...times(27, bare(500, retryNow)))
    for (let call = 0; call < 7; call++) await rejection(client.get('k'))
    expect(proxy.requests).toHaveLength(27)
    for (let call = 0; call < 5; call++) await client.get(newKey())
    proxy.plan(bare(500, retryNow))
    await client.get(newKey())
    proxy.plan(bare(500, retryNow))
    expect(await rejection(client.get('k'))).toMatchObject({ attempts: 1 })
  })
})
