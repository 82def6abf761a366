import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Fault } from '@holdfast/testbed/fault-proxy'
import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import {
  ConnectionError,
  createClient,
  type HoldfastError,
  OutcomeUnknownError,
  RateLimitedError,
  type RetryNotice,
  TimeoutError,
} from '../src/index.js'
import { direct, newKey, proxied, rejection } from './support/proxied.js'

const problem = (status: number, code: string, headers: Record<string, string> = {}): Fault => ({
  kind: 'answer',
  status,
  headers: { 'content-type': 'application/problem+json', 'x-request-id': 'r-1', ...headers },
  body: JSON.stringify({ type: `/problems/${code}`, title: 't', status, detail: 'd', instance: 'r-1', code }),
})
const bare = (status: number, headers: Record<string, string> = {}): Fault => ({ kind: 'answer', status, headers })
/** The head arrives, and then a chunk that never ends. */
const stalledBody: Fault = {
  kind: 'stall',
  bytes: 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{',
}
/** Answers that are repeated at once, to test what else holds. */
const now = { 'retry-after': '0' }
const times = (count: number, fault: Fault) => Array.from({ length: count }, () => fault)
const idempotencyKeys = (requests: readonly { headers: Headers }[]) => requests.map(({ headers }) => headers.get('idempotency-key'))

describe.concurrent('what is repeated', () => {
  test.each([408, 429, 500, 502, 503, 504])('%i, three times and no more', async (status) => {
    const { proxy, client } = await proxied()
    const key = newKey()
    proxy.plan(...times(3, bare(status, now)))
    expect(await client.put(key, 1)).toMatchObject({ value: 1 })
    expect(proxy.requests).toHaveLength(4)
    proxy.plan(...times(9, bare(status, now)))
    expect(await rejection(client.get(key))).toMatchObject({ status, attempts: 4 })
    expect(proxy.requests).toHaveLength(8)
  })

  test.each<[string, Fault]>([
    ['a connection cut before the service', { kind: 'cut before' }],
    ['a connection cut after it', { kind: 'cut after' }],
    ['an answer cut in its body', { kind: 'truncate', bytes: 10 }],
    ['an answer half-closed in its body', { kind: 'truncate', bytes: 10, end: 'half-close' }],
    ['an answer without its end', bare(200, { 'content-type': 'application/json', 'content-length': '99' })],
    ['an answer that is half a JSON', { kind: 'answer', status: 200, headers: { 'content-type': 'application/json' }, body: '{"key":' }],
    ['silence', { kind: 'black hole', forward: false }],
    ['silence after the work was done', { kind: 'black hole', forward: true }],
  ])('%s', async (_name, fault) => {
    const { proxy, client } = await proxied({ timeout: 300 })
    const key = newKey()
    await direct().put(key, 'there')
    proxy.plan(fault)
    expect(await client.get(key)).toMatchObject({ value: 'there' })
    proxy.plan(fault)
    expect(await client.put(key, 'new')).toMatchObject({ value: 'new' })
    expect(proxy.requests).toHaveLength(4)
  })

  test.each([400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 422, 428, 431, 451])('not %i', async (status) => {
    const { proxy, client } = await proxied()
    proxy.plan(problem(status, 'some_code', now))
    expect(await rejection(client.put('k', 1))).toMatchObject({ name: 'HoldfastError', status, code: 'some_code', attempts: 1 })
    expect(proxy.requests).toHaveLength(1)
  })

  test('409 idempotency_in_progress', async () => {
    const { proxy, client } = await proxied()
    proxy.plan(problem(409, 'idempotency_in_progress', now))
    expect(await client.put(newKey(), 1)).toMatchObject({ value: 1 })
    expect(proxy.requests).toHaveLength(2)
  })

  test('nothing with retry: false', async () => {
    const { proxy, client } = await proxied({ retry: false })
    proxy.plan(bare(503, now))
    expect(await rejection(client.get('k'))).toMatchObject({ name: 'UnavailableError', attempts: 1 })
    expect(proxy.requests).toHaveLength(1)
  })

  test('as often as the call says', async () => {
    const { proxy, client } = await proxied()
    proxy.plan(...times(9, bare(503, now)))
    expect(await rejection(client.get('k', { retry: { limit: 5 } }))).toMatchObject({ attempts: 6 })
  })

  test('onRetry is called before each', async () => {
    const notices: RetryNotice[] = []
    const { proxy, client } = await proxied({ onRetry: (notice) => notices.push(notice) })
    proxy.plan({ kind: 'cut before' }, problem(503, 'overloaded', now))
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
        throw new Error('of the observer')
      },
    ],
    ['returns a promise that rejects', async () => Promise.reject(new Error('of the observer'))],
    ['returns a promise that never ends', () => new Promise(() => {})],
  ])('an onRetry that %s does not break the call', async (_what, onRetry) => {
    const { proxy, client } = await proxied({ onRetry })
    const key = newKey()
    proxy.plan({ kind: 'cut before' })
    // An unhandled rejection would fail the test run.
    expect(await client.put(key, 1)).toMatchObject({ value: 1 })
    expect(proxy.requests).toHaveLength(2)
  })
})

describe.concurrent('the idempotency key', () => {
  test('is one UUID for all attempts of a write, and another for the next write', async () => {
    const { proxy, client } = await proxied()
    proxy.plan({ kind: 'cut before' }, bare(502, now))
    await client.put(newKey(), 1)
    await client.create(newKey(), 1)
    const [first, second, third, fourth] = idempotencyKeys(proxy.requests)
    expect(first).toMatch(/^"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"$/)
    expect([second, third]).toEqual([first, first])
    expect(fourth).toMatch(/^"/)
    expect(fourth).not.toBe(first)
  })

  test('is on every write and on no read', async () => {
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

  test("can be the caller's", async () => {
    const { proxy, client } = await proxied()
    await client.put(newKey(), 1, { idempotencyKey: 'order "7"' })
    expect(idempotencyKeys(proxy.requests)).toEqual(['"order \\"7\\""'])
    for (const idempotencyKey of ['', 'é', 'x'.repeat(256), 'a\nb']) {
      expect(await rejection(client.put('k', 1, { idempotencyKey }))).toMatchObject({ name: 'InvalidArgumentError' })
    }
  })
})

describe.concurrent('the wait', () => {
  const gap = (requests: readonly { at: number }[]) => (requests[1]?.at ?? 0) - (requests[0]?.at ?? 0)

  test.each([429, 503, 500])('of %i is at least its Retry-After', async (status) => {
    const { proxy, client } = await proxied()
    proxy.plan(bare(status, { 'retry-after': '1' }))
    await client.get(newKey())
    expect(gap(proxy.requests)).toBeGreaterThanOrEqual(1_000)
  })

  test.each([429, 503])('of %i without Retry-After is at least half a second', async (status) => {
    const { proxy, client } = await proxied()
    proxy.plan(bare(status))
    await client.get(newKey())
    expect(gap(proxy.requests)).toBeGreaterThanOrEqual(500)
  })

  test('beyond ten seconds fails at once and is told', async () => {
    const { proxy, client } = await proxied()
    proxy.plan(problem(429, 'rate_limited', { 'retry-after': '11' }))
    const error = await rejection(client.get('k'))
    expect(error).toBeInstanceOf(RateLimitedError)
    expect(error).toMatchObject({ retryAfter: 11, attempts: 1, status: 429 })
    expect((error as Error).message).toContain('retry after 11 s')
    expect(proxy.requests).toHaveLength(1)
  })

  test('beyond the total deadline fails at once and is told', async () => {
    const { proxy, client } = await proxied({ totalTimeout: 2_000 })
    proxy.plan(bare(503, { 'retry-after': '3' }))
    expect(await rejection(client.get('k'))).toMatchObject({ retryAfter: 3, attempts: 1 })
  })

  test('may be longer where the caller says so', async () => {
    const { proxy, client } = await proxied({ retry: { maxDelay: 500 } })
    proxy.plan(bare(503, { 'retry-after': '1' }), bare(503, { 'retry-after': '1' }))
    expect(await rejection(client.get('k'))).toMatchObject({ retryAfter: 1, attempts: 1 })
    await client.get(newKey(), { retry: { maxDelay: 1_500 } })
    expect(proxy.requests).toHaveLength(3)
  })
})

describe.concurrent('the budget', () => {
  test('ends retries of a sick service, whichever client asks', async () => {
    const { proxy, client } = await proxied()
    proxy.plan(...times(100, bare(500, now)))
    const attempts: number[] = []
    for (let call = 0; call < 8; call++) attempts.push(((await rejection(client.get('k'))) as HoldfastError).attempts)
    // 100 tokens are 20 retries.
    expect(attempts).toEqual([4, 4, 4, 4, 4, 4, 3, 1])
    const other = createClient({ url: proxy.url })
    expect(await rejection(other.get('k'))).toMatchObject({ attempts: 1 })
  })

  test('pays twice as much after a timeout', async () => {
    const { proxy, client } = await proxied({ timeout: 50 })
    proxy.plan(...times(100, { kind: 'black hole', forward: false }))
    const attempts: number[] = []
    for (let call = 0; call < 5; call++) attempts.push(((await rejection(client.get('k'))) as HoldfastError).attempts)
    expect(attempts).toEqual([4, 4, 4, 2, 1])
  })

  test('gets one back for each success', async () => {
    const { proxy, client } = await proxied()
    proxy.plan(...times(27, bare(500, now)))
    for (let call = 0; call < 7; call++) await rejection(client.get('k'))
    expect(proxy.requests).toHaveLength(27)
    for (let call = 0; call < 5; call++) await client.get(newKey())
    proxy.plan(bare(500, now))
    await client.get(newKey())
    proxy.plan(bare(500, now))
    expect(await rejection(client.get('k'))).toMatchObject({ attempts: 1 })
  })
})

describe.concurrent('deadlines and aborts', () => {
  test('each attempt has its timeout', async () => {
    const { proxy, client } = await proxied({ timeout: 150, retry: { limit: 1 } })
    proxy.plan(...times(2, { kind: 'black hole', forward: false }))
    const error = await rejection(client.get('k'))
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ attempts: 2, code: 'timeout' })
    await until(() => proxy.requests.every(({ closedAt }) => closedAt() !== undefined))
  })

  test('the timeout covers the body', async () => {
    const { proxy, client } = await proxied({ timeout: 200, retry: false })
    proxy.plan(stalledBody)
    expect(await rejection(client.get('k'))).toBeInstanceOf(TimeoutError)
  })

  test.each(['timeout', 'signal'])('the %s covers the body even after a garbage collection', async (which) => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const controller = new AbortController()
    const { proxy, client } = await proxied({ timeout: which === 'timeout' ? 200 : 60_000, retry: false, signal: controller.signal })
    proxy.plan(stalledBody)
    const ended = rejection(client.get('k'))
    const collecting = setInterval(collectGarbage, 20)
    const aborting = setTimeout(() => which === 'signal' && controller.abort(), 200)
    try {
      expect(await ended).toMatchObject({ name: which === 'timeout' ? 'TimeoutError' : 'AbortError' })
      await until(() => proxy.requests[0]?.closedAt() !== undefined)
    } finally {
      clearInterval(collecting)
      clearTimeout(aborting)
    }
  })

  test('all attempts together have the total', async () => {
    const { proxy, client } = await proxied({ timeout: 10_000, totalTimeout: 300 })
    proxy.plan({ kind: 'black hole', forward: false })
    const error = await rejection(client.get('k'))
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ attempts: 1, message: expect.stringMatching(/within [23]\d\d ms/) })
  })

  test.each(['the call', 'the client'])('a signal of %s ends an attempt with its own reason', async (whose) => {
    const controller = new AbortController()
    const { signal } = controller
    const { proxy, client } = await proxied(whose === 'the client' ? { signal } : {})
    proxy.plan({ kind: 'black hole', forward: false })
    const ended = rejection(client.put('k', 1, whose === 'the call' ? { signal } : {}))
    await until(() => proxy.requests.length === 1)
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await ended).toBe(reason)
    await until(() => proxy.requests[0]?.closedAt() !== undefined)
    expect(await rejection(client.get('k', whose === 'the call' ? { signal } : {}))).toBe(reason)
    expect(proxy.requests).toHaveLength(1)
  })

  // Far less time than the wait would take.
  test('a signal ends the wait', { timeout: 6_000 }, async () => {
    const controller = new AbortController()
    const { proxy, client } = await proxied({ onRetry: () => controller.abort() })
    proxy.plan(bare(503, { 'retry-after': '9' }))
    expect(await rejection(client.get('k', { signal: controller.signal }))).toMatchObject({ name: 'AbortError' })
    expect(proxy.requests).toHaveLength(1)
  })
})

describe.concurrent('a write whose outcome is not known', () => {
  const unknown: [string, Fault][] = [
    ['silence', { kind: 'black hole', forward: true }],
    ['a cut connection', { kind: 'cut after' }],
    ['an answer cut in its body', { kind: 'truncate', bytes: 5 }],
    ['502 of a proxy', bare(502, now)],
    ['504 of a proxy', bare(504, now)],
    ['503 of a proxy', bare(503, now)],
    ['500', problem(500, 'internal', now)],
    ['503 outcome_unknown', problem(503, 'outcome_unknown', now)],
    ['a page of something else', { kind: 'answer', status: 200, headers: { 'content-type': 'text/html' }, body: '<p>' }],
  ]

  test.each(unknown)('%s: ends in OutcomeUnknownError with its key', async (_name, fault) => {
    const { proxy, client } = await proxied({ timeout: 200 })
    proxy.plan(...times(4, fault))
    const error = await rejection(client.put(newKey(), 1))
    expect(error).toBeInstanceOf(OutcomeUnknownError)
    const { idempotencyKey, cause } = error as OutcomeUnknownError
    expect(`"${idempotencyKey}"`).toBe(idempotencyKeys(proxy.requests)[0])
    expect(cause).toBeInstanceOf(Error)
  })

  test('the key repeats it', async () => {
    const { proxy, client } = await proxied({ retry: false })
    const key = newKey()
    proxy.plan({ kind: 'cut after' })
    const { idempotencyKey = '' } = (await rejection(client.put(key, 1))) as OutcomeUnknownError
    await client.put(key, 1, { idempotencyKey })
    const [first, second] = idempotencyKeys(proxy.requests)
    expect(second).toBe(first)
  })

  test('a write whose answer was lost ends with the truth', async () => {
    const { proxy, client } = await proxied()
    const key = newKey()
    proxy.plan({ kind: 'cut after' })
    const created = await client.create(key, 'mine')
    expect(created).toMatchObject({ value: 'mine' })
    proxy.plan({ kind: 'cut after' })
    const { version } = await client.put(key, 'newer', { ifMatch: created.version })
    expect(await client.get(key)).toMatchObject({ value: 'newer', version })
    proxy.plan({ kind: 'cut after' })
    await client.patch(key, 'patched', { ifMatch: version })
    proxy.plan({ kind: 'cut after' })
    expect(await client.delete(key)).toBe(true)
    proxy.plan({ kind: 'cut after' })
    expect(await client.delete(key)).toBe(false)
  })

  test('a write that did not arrive is refused for what is there', async () => {
    const { proxy, client } = await proxied({ timeout: 300 })
    const key = newKey()
    await direct().put(key, 'of another')
    proxy.plan({ kind: 'black hole', forward: false })
    expect(await rejection(client.create(key, 'mine'))).toMatchObject({ name: 'ItemExistsError', attempts: 2 })
  })

  test('a refusal that was not recorded, and that the write itself may have caused, is not believed', async () => {
    const { proxy, client } = await proxied()
    proxy.plan({ kind: 'cut after' }, problem(409, 'item_exists'))
    const created = await rejection(client.create(newKey(), 'mine'))
    expect(created).toBeInstanceOf(OutcomeUnknownError)
    expect(created).toMatchObject({ attempts: 2, cause: { name: 'ItemExistsError' } })
  })

  test('update never runs a change twice over its own', async () => {
    const { proxy, client } = await proxied()
    const key = newKey()
    await client.put(key, 1)
    proxy.plan({ kind: 'pass' }, { kind: 'cut after' })
    expect(await client.update(key, (value) => (value as number) + 1)).toMatchObject({ value: 2 })
    expect(await client.get(key)).toMatchObject({ value: 2 })
  })

  test('a replayed refusal is that of the first attempt', async () => {
    const { proxy, client } = await proxied()
    proxy.plan({ kind: 'cut after' }, problem(412, 'precondition_failed', { 'idempotency-replayed': 'true', etag: '"7"' }))
    expect(await rejection(client.put('k', 1, { ifMatch: '1' }))).toMatchObject({ name: 'PreconditionFailedError', version: '7' })
  })

  test('does not include writes that surely were not applied', async () => {
    const { proxy, client } = await proxied({ retry: { limit: 1 } })
    for (const code of ['database_unavailable', 'overloaded'] as const) {
      proxy.plan(...times(2, problem(503, code, now)))
      expect(await rejection(client.put('k', 1))).toMatchObject({ name: 'UnavailableError', code })
    }
    proxy.plan(...times(2, problem(429, 'rate_limited', now)))
    expect(await rejection(client.put('k', 1))).toBeInstanceOf(RateLimitedError)
    await proxy.close()
    expect(await rejection(client.put('k', 1))).toBeInstanceOf(ConnectionError)
  })

  test('does not include reads', async () => {
    const { proxy, client } = await proxied({ retry: false })
    proxy.plan({ kind: 'cut after' }, bare(502))
    expect(await rejection(client.get('k'))).toBeInstanceOf(ConnectionError)
    expect(await rejection(client.get('k'))).toMatchObject({ name: 'UnavailableError', code: 'unexpected_response' })
  })
})

describe('the version of the item that is in the way', () => {
  const conflict = (headers: Record<string, string>, version?: string): Fault => ({
    kind: 'answer',
    status: 412,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify({
      ...{ type: '/problems/precondition_failed', title: 't', status: 412, detail: 'd', instance: 'i', code: 'precondition_failed' },
      version,
    }),
  })
  test.each<[string, Fault, string | undefined]>([
    ['the problem, also if a compressing proxy changed the ETag', conflict({ etag: 'W/"9-gzip"' }, '9'), '9'],
    ['the ETag of a service that has it nowhere else', conflict({ etag: '"9"' }), '9'],
    ['nowhere', conflict({ etag: 'W/"9-gzip"' }), undefined],
  ])('comes from %s', async (_where, fault, version) => {
    const { proxy, client } = await proxied()
    proxy.plan(fault)
    expect(await rejection(client.put('k', 1, { ifMatch: '1' }))).toMatchObject({ name: 'PreconditionFailedError', version })
  })
})
