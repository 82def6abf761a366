import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { InvalidArgumentError, InvalidRequestError, type Item, PreconditionFailedError } from '../src/index.js'
import { direct, newKey, proxied, rejection } from './support/proxied.js'

const client = direct()

describe('putMany', () => {
  test('has an outcome for each item, and a rejected item does not affect the others', async () => {
    const [a, b, c] = [newKey(), newKey(), newKey()]
    const { version } = await client.put(b, 'old')
    const outcomes = await client.putMany([
      { key: a, value: { n: 2n ** 60n }, ttl: 60 },
      { key: b, value: 'new', ifNoneMatch: '*' },
      { key: c, value: 1, expiresAt: new Date('2100-01-01') },
    ])
    expect(outcomes).toMatchObject([
      { key: a, ok: true, created: true, item: { value: { n: 2n ** 60n }, expiresAt: expect.any(String) } },
      { key: b, ok: false, error: { code: 'precondition_failed', status: 412, version } },
      { key: c, ok: true, created: true, item: { expiresAt: '2100-01-01T00:00:00.000Z' } },
    ])
    const [, second] = outcomes
    expect(second?.ok === false && second.error).toBeInstanceOf(PreconditionFailedError)
    expect(await client.putMany([{ key: b, value: 'new', ifMatch: version }])).toMatchObject([{ ok: true, created: false }])
    expect((await client.getMany([a, b, c])).map((item) => item?.value)).toEqual([{ n: 2n ** 60n }, 'new', 1])
  })

  test('checks all entries before a request is sent', async () => {
    const key = newKey()
    // biome-ignore lint/suspicious/noExplicitAny: the types reject these entries
    const wrong: [any, string][] = [
      [
        [
          { key, value: 1 },
          { key: `${key}2`, value: { f: new Map() } },
        ],
        `putMany "${key}2": entries[1].value.f: Map is not JSON`,
      ],
      [[{ key, value: 1, tll: 1 }], 'putMany: entries[0]: unknown option "tll"; did you mean ttl?'],
      [[{ key, value: 1, ifMatch: undefined }], 'putMany: entries[0]: the option ifMatch is undefined'],
      [[{ key }], `putMany "${key}": entries[0].value: must not be undefined`],
      [{ key, value: 1 }, 'putMany: entries must be an array'],
    ]
    for (const [entries, message] of wrong) {
      const error = (await rejection(client.putMany(entries))) as Error
      expect(error).toBeInstanceOf(InvalidArgumentError)
      expect(error.message.slice(0, message.length)).toBe(message)
    }
    expect(await rejection(client.putMany(Array.from({ length: 1001 }, (_, n) => ({ key: `k${n}`, value: n }))))).toBeInstanceOf(
      InvalidRequestError,
    )
    expect(await client.has(key)).toBe(false)
  })

  test('is applied once even if responses are lost', async () => {
    const { proxy, client: faulty } = await proxied()
    const key = newKey()
    proxy.plan({ kind: 'cut after' }, { kind: 'respond', status: 524, forward: true, headers: { 'retry-after': '0' } })
    expect(await faulty.putMany([{ key, value: 1, ifNoneMatch: '*' }])).toMatchObject([{ ok: true, created: true }])
    proxy.plan({ kind: 'cut after' })
    expect(await faulty.deleteMany([key])).toEqual([{ key, ok: true, deleted: true }])
  })

  test('checks values in a typed client', async () => {
    const key = newKey()
    const sessions = client.typed(z.object({ user: z.int() }))
    const [outcome] = await sessions.putMany([{ key, value: { user: 7 } }])
    if (outcome?.ok) expectTypeOf(outcome.item).toEqualTypeOf<Item<{ user: number }>>()
    expect(outcome).toMatchObject({ ok: true, item: { value: { user: 7 } } })
    // @ts-expect-error: not a value of the schema
    expect(await rejection(sessions.putMany([{ key, value: { user: 'x' } }]))).toBeInstanceOf(InvalidArgumentError)
  })

  test('rejects a response with another number of outcomes', async () => {
    const { proxy, client: wrong } = await proxied({ retry: false })
    const body = JSON.stringify({ results: [] })
    proxy.plan({ kind: 'respond', status: 200, headers: { 'content-type': 'application/json' }, body })
    expect(await rejection(wrong.putMany([{ key: 'k', value: 1 }]))).toMatchObject({ code: 'outcome_unknown' })
  })
})

test('deleteMany has an outcome for each item', async () => {
  const [a, b, none] = [newKey(), newKey(), newKey()]
  const { version } = await client.put(a, 1)
  await client.put(b, 2)
  const outcomes = await client.deleteMany([{ key: a, ifMatch: version }, { key: b, ifMatch: version }, none])
  expect(outcomes).toMatchObject([
    { key: a, ok: true, deleted: true },
    { key: b, ok: false, error: { name: 'PreconditionFailedError' } },
    { key: none, ok: true, deleted: false },
  ])
  expect((await client.getMany([a, b])).map((item) => item?.value)).toEqual([undefined, 2])
})

describe('getAndDelete', () => {
  test('returns the item to one of ten callers', async () => {
    const key = newKey()
    await client.put(key, { code: 1234 })
    const got = await Promise.all(Array.from({ length: 10 }, () => client.getAndDelete<{ code: number }>(key)))
    expect(got.filter((item) => item !== undefined)).toMatchObject([{ key, value: { code: 1234 }, createdVersion: expect.any(String) }])
    expect(await client.get(key)).toBe(undefined)
  })

  test('returns the item even if responses are lost', async () => {
    const { proxy, client: faulty } = await proxied()
    const key = newKey()
    await faulty.put(key, 1)
    proxy.plan({ kind: 'cut after' }, { kind: 'truncate', bytes: 10 })
    expect(await faulty.getAndDelete(key)).toMatchObject({ value: 1 })
    proxy.plan({ kind: 'cut after' })
    expect(await faulty.getAndDelete(key)).toBe(undefined)
  })

  test('honors a condition', async () => {
    const key = newKey()
    const { version } = await client.put(key, 1)
    const newer = await client.put(key, 2)
    expect(await rejection(client.getAndDelete(key, { ifMatch: version }))).toMatchObject({ version: newer.version, status: 412 })
    expect(await client.getAndDelete(key, { ifMatch: newer.version })).toMatchObject({ value: 2 })
  })

  test('fails if the service does not return the item', async () => {
    const { proxy, client: old } = await proxied({ retry: false })
    proxy.plan({ kind: 'respond', status: 204, headers: { 'x-request-id': 'r-1' } })
    expect(await rejection(old.getAndDelete('k'))).toMatchObject({ code: 'outcome_unknown' })
  })
})
