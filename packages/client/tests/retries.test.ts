import type { Fault } from '@holdfast/testbed/fault-proxy'
import { describe, expect, test } from 'vitest'
import { RateLimitedError, type RetryNotice } from '../src/index.js'
import { bare, problem, retryNow, silence, times } from './support/faults.js'
import { direct, newKey, proxied, rejection } from './support/proxied.js'

describe.concurrent('retries', () => {
  test.each([408, 429, 500, 502, 503, 504])('status %i is retried three times', async (status) => {
    const { proxy, client } = await proxied()
    const key = newKey()
    proxy.plan(...times(3, bare(status, retryNow)))
    expect(await client.put(key, 1)).toMatchObject({ value: 1 })
    expect(proxy.requests).toHaveLength(4)
    proxy.plan(...times(9, bare(status, retryNow)))
    expect(await rejection(client.get(key))).toMatchObject({ status, attempts: 4 })
    expect(proxy.requests).toHaveLength(8)
  })

  test.each<[string, Fault]>([
    ['a connection that is cut before the service', { kind: 'cut before' }],
    ['a connection that is cut after the service', { kind: 'cut after' }],
    ['a response that is cut in its body', { kind: 'truncate', bytes: 10 }],
    ['a response that is half-closed in its body', { kind: 'truncate', bytes: 10, end: 'half-close' }],
    ['a response that is shorter than its length', bare(200, { 'content-type': 'application/json', 'content-length': '99' })],
    ['a response with incomplete JSON', { kind: 'respond', status: 200, headers: { 'content-type': 'application/json' }, body: '{"key":' }],
    ['a request without a response', silence],
    ['an applied request without a response', { kind: 'black hole', forward: true }],
  ])('%s is retried', async (_name, fault) => {
    const { proxy, client } = await proxied({ timeout: 300 })
    const key = newKey()
    await direct().put(key, 'there')
    proxy.plan(fault)
    expect(await client.get(key)).toMatchObject({ value: 'there' })
    proxy.plan(fault)
    expect(await client.put(key, 'new')).toMatchObject({ value: 'new' })
    expect(proxy.requests).toHaveLength(4)
  })

  test.each([400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 422, 428, 431, 451])('status %i is not retried', async (status) => {
    const { proxy, client } = await proxied()
    proxy.plan(problem(status, 'some_code', retryNow))
    expect(await rejection(client.put('k', 1))).toMatchObject({ name: 'HoldfastError', status, code: 'some_code', attempts: 1 })
    expect(proxy.requests).toHaveLength(1)
  })

  test('409 idempotency_in_progress is retried', async () => {
    const { proxy, client } = await proxied()
    proxy.plan(problem(409, 'idempotency_in_progress', retryNow))
    expect(await client.put(newKey(), 1)).toMatchObject({ value: 1 })
    expect(proxy.requests).toHaveLength(2)
  })

  test('retry: false disables retries', async () => {
    const { proxy, client } = await proxied({ retry: false })
    proxy.plan(bare(503, retryNow))
    expect(await rejection(client.get('k'))).toMatchObject({ name: 'UnavailableError', attempts: 1 })
    expect(proxy.requests).toHaveLength(1)
  })

  test('a call can set the number of retries', async () => {
    const { proxy, client } = await proxied()
    proxy.plan(...times(9, bare(503, retryNow)))
    expect(await rejection(client.get('k', { retry: { limit: 5 } }))).toMatchObject({ attempts: 6 })
  })

  test('onRetry is called before each retry', async () => {
    const notices: RetryNotice[] = []
    const { proxy, client } = await proxied({ onRetry: (notice) => notices.push(notice) })
    proxy.plan({ kind: 'cut before' }, problem(503, 'overloaded', retryNow))
    await client.get(newKey())
    expect(notices).toMatchObject([
      { operation: expect.stringMatching(/^get "test/), attempt: 1, error: { name: 'ConnectionError' } },
      { operation: expect.stringMatching(/^get "test/), attempt: 2, error: { code: 'overloaded', requestId: 'r-1' } },
    ])
  })

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('from onRetry')
      },
    ],
    ['returns a promise that rejects', async () => Promise.reject(new Error('from onRetry'))],
    ['returns a promise that never settles', () => new Promise(() => {})],
  ])('an onRetry that %s does not affect the call', async (_name, onRetry) => {
    const { proxy, client } = await proxied({ onRetry })
    const key = newKey()
    proxy.plan({ kind: 'cut before' })
    // An unhandled rejection would fail the test run.
    expect(await client.put(key, 1)).toMatchObject({ value: 1 })
    expect(proxy.requests).toHaveLength(2)
  })
})

describe.concurrent('the wait before a retry', () => {
  const gap = (requests: readonly { at: number }[]) => (requests[1]?.at ?? 0) - (requests[0]?.at ?? 0)

  test.each([429, 503, 500])('after %i is at least its Retry-After', async (status) => {
    const { proxy, client } = await proxied()
    proxy.plan(bare(status, { 'retry-after': '1' }))
    await client.get(newKey())
    expect(gap(proxy.requests)).toBeGreaterThanOrEqual(1_000)
  })

  test.each([429, 503])('after %i without Retry-After is at least half a second', async (status) => {
    const { proxy, client } = await proxied()
    proxy.plan(bare(status))
    await client.get(newKey())
    expect(gap(proxy.requests)).toBeGreaterThanOrEqual(500)
  })

  test('that exceeds ten seconds fails the call immediately, with the wait in retryAfter', async () => {
    const { proxy, client } = await proxied()
    proxy.plan(problem(429, 'rate_limited', { 'retry-after': '11' }))
    const error = await rejection(client.get('k'))
    expect(error).toBeInstanceOf(RateLimitedError)
    expect(error).toMatchObject({ retryAfter: 11, attempts: 1, status: 429 })
    expect((error as Error).message).toContain('retry after 11 s')
    expect(proxy.requests).toHaveLength(1)
  })

  test('that exceeds totalTimeout fails the call immediately, with the wait in retryAfter', async () => {
    const { proxy, client } = await proxied({ totalTimeout: 2_000 })
    proxy.plan(bare(503, { 'retry-after': '3' }))
    expect(await rejection(client.get('k'))).toMatchObject({ retryAfter: 3, attempts: 1 })
  })

  test('can be limited by a client and by a call', async () => {
    const { proxy, client } = await proxied({ retry: { maxDelay: 500 } })
    proxy.plan(bare(503, { 'retry-after': '1' }), bare(503, { 'retry-after': '1' }))
    expect(await rejection(client.get('k'))).toMatchObject({ retryAfter: 1, attempts: 1 })
    await client.get(newKey(), { retry: { maxDelay: 1_500 } })
    expect(proxy.requests).toHaveLength(3)
  })
})
