import type { Fault } from '@holdfast/testbed/fault-proxy'
import { describe, expect, test } from 'vitest'
import { ConnectionError, OutcomeUnknownError, RateLimitedError } from '../src/index.js'
import { bare, idempotencyKeys, problem, retryNow, silence, times } from './support/faults.js'
import { direct, newKey, proxied, rejection } from './support/proxied.js'

describe.concurrent('a write with an unknown outcome', () => {
  const unknown: [string, Fault][] = [
    ['no response', { kind: 'black hole', forward: true }],
    ['a cut connection', { kind: 'cut after' }],
    ['a response that is cut in its body', { kind: 'truncate', bytes: 5 }],
    ['502 of a proxy', bare(502, retryNow)],
    ['504 of a proxy', bare(504, retryNow)],
    ['503 of a proxy', bare(503, retryNow)],
    ['500', problem(500, 'internal', retryNow)],
    ['503 outcome_unknown', problem(503, 'outcome_unknown', retryNow)],
    ['a page of another program', { kind: 'respond', status: 200, headers: { 'content-type': 'text/html' }, body: '<p>' }],
  ]

  test.each(unknown)('fails with OutcomeUnknownError and its key after %s', async (_name, fault) => {
    const { proxy, client } = await proxied({ timeout: 200 })
    proxy.plan(...times(4, fault))
    const error = await rejection(client.put(newKey(), 1))
    expect(error).toBeInstanceOf(OutcomeUnknownError)
    const { idempotencyKey, cause } = error as OutcomeUnknownError
    expect(`"${idempotencyKey}"`).toBe(idempotencyKeys(proxy.requests)[0])
    expect(cause).toBeInstanceOf(Error)
  })

  test('can be retried with the key of the error', async () => {
    const { proxy, client } = await proxied({ retry: false })
    const key = newKey()
    proxy.plan({ kind: 'cut after' })
    const { idempotencyKey = '' } = (await rejection(client.put(key, 1))) as OutcomeUnknownError
    await client.put(key, 1, { idempotencyKey })
    const [first, second] = idempotencyKeys(proxy.requests)
    expect(second).toBe(first)
  })

  test('returns the original outcome if a retry succeeds', async () => {
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

  test('is rejected because of an existing item if it did not arrive', async () => {
    const { proxy, client } = await proxied({ timeout: 300 })
    const key = newKey()
    await direct().put(key, 'of another writer')
    proxy.plan(silence)
    expect(await rejection(client.create(key, 'mine'))).toMatchObject({ name: 'ItemExistsError', attempts: 2 })
  })

  test('stays unknown after a rejection without a record, which the write itself may have caused', async () => {
    const { proxy, client } = await proxied()
    proxy.plan({ kind: 'cut after' }, problem(409, 'item_exists'))
    const created = await rejection(client.create(newKey(), 'mine'))
    expect(created).toBeInstanceOf(OutcomeUnknownError)
    expect(created).toMatchObject({ attempts: 2, cause: { name: 'ItemExistsError' } })
  })

  test('is not applied twice by update', async () => {
    const { proxy, client } = await proxied()
    const key = newKey()
    await client.put(key, 1)
    proxy.plan({ kind: 'pass' }, { kind: 'cut after' })
    expect(await client.update(key, (value) => (value as number) + 1)).toMatchObject({ value: 2 })
    expect(await client.get(key)).toMatchObject({ value: 2 })
  })

  test('fails with the original error if the response is a replay', async () => {
    const { proxy, client } = await proxied()
    proxy.plan({ kind: 'cut after' }, problem(412, 'precondition_failed', { 'idempotency-replayed': 'true', etag: '"7"' }))
    expect(await rejection(client.put('k', 1, { ifMatch: '1' }))).toMatchObject({ name: 'PreconditionFailedError', version: '7' })
  })

  test('is not reported for a write that was not applied', async () => {
    const { proxy, client } = await proxied({ retry: { limit: 1 } })
    for (const code of ['database_unavailable', 'overloaded'] as const) {
      proxy.plan(...times(2, problem(503, code, retryNow)))
      expect(await rejection(client.put('k', 1))).toMatchObject({ name: 'UnavailableError', code })
    }
    proxy.plan(...times(2, problem(429, 'rate_limited', retryNow)))
    expect(await rejection(client.put('k', 1))).toBeInstanceOf(RateLimitedError)
    await proxy.close()
    expect(await rejection(client.put('k', 1))).toBeInstanceOf(ConnectionError)
  })

  test('is not reported for a read', async () => {
    const { proxy, client } = await proxied({ retry: false })
    proxy.plan({ kind: 'cut after' }, bare(502))
    expect(await rejection(client.get('k'))).toBeInstanceOf(ConnectionError)
    expect(await rejection(client.get('k'))).toMatchObject({ name: 'UnavailableError', code: 'unexpected_response' })
  })
})

describe('the version in a PreconditionFailedError', () => {
  const conflict = (headers: Record<string, string>, version?: string): Fault => ({
    kind: 'respond',
    status: 412,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify({
      ...{ type: '/problems/precondition_failed', title: 't', status: 412, detail: 'd', instance: 'i', code: 'precondition_failed' },
      version,
    }),
  })
  test.each<[string, Fault, string | undefined]>([
    ['the problem, even if a compressing proxy changed the ETag', conflict({ etag: 'W/"9-gzip"' }, '9'), '9'],
    ['the ETag if the problem has none', conflict({ etag: '"9"' }), '9'],
    ['nowhere if a compressing proxy changed the ETag', conflict({ etag: 'W/"9-gzip"' }), undefined],
  ])('comes from %s', async (_source, fault, version) => {
    const { proxy, client } = await proxied()
    proxy.plan(fault)
    expect(await rejection(client.put('k', 1, { ifMatch: '1' }))).toMatchObject({ name: 'PreconditionFailedError', version })
  })
})
