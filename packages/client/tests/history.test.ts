import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  type Client,
  InvalidArgumentError,
  type Item,
  type ItemVersion,
  type ItemVersionMetadata,
  VersionNotKeptError,
} from '../src/index.js'
import { direct, newKey, rejection } from './support/proxied.js'

const namespace = `history-${randomUUID().slice(0, 8)}`
const client = direct({ namespace })

beforeAll(async () => {
  await client.namespaces.create({ name: namespace, historySeconds: 3600 })
  return () => client.namespaces.delete(namespace)
})

const collect = async <T>(versions: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const version of versions) all.push(version)
  return all
}

/** Puts values one after another, each in a millisecond of its own. */
const putAll = async (key: string, values: readonly unknown[]): Promise<Item[]> => {
  const items: Item[] = []
  for (const value of values) {
    items.push(await client.put(key, value))
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
  return items
}

describe('versions', () => {
  test('are iterated from the newest, page by page', async () => {
    const key = newKey()
    const items = await putAll(key, [1, 2, 3])
    await client.delete(key)
    const versions = await collect(client.versions(key, { pageSize: 2 }))
    expect(versions).toMatchObject(items.toReversed())
    expect(versions.map(({ ended }) => ended)).toEqual(['deleted', 'replaced', 'replaced'])
    expect(versions[1]?.endedAt).toBe(items[2]?.updatedAt)
  })

  test('have no value if it is not wanted', async () => {
    const key = newKey()
    await putAll(key, [1, 2])
    const versions = await collect(client.versions(key, { values: false }))
    expect(versions).toHaveLength(2)
    for (const version of versions) expect(version).not.toHaveProperty('value')
  })

  test('of a key without any are none', async () => {
    expect(await collect(client.versions(newKey()))).toEqual([])
  })

  test('are checked by the schema of a typed client', async () => {
    const key = newKey()
    await putAll(key, [{ at: '2026-11-20' }])
    const typed = client.typed(z.object({ at: z.coerce.date() }))
    const [version] = await collect(typed.versions(key))
    expect(version?.value.at).toEqual(new Date('2026-11-20'))
    await client.put(key, 'another shape')
    expect(await rejection(collect(typed.versions(key)))).toMatchObject({ name: 'StoredValueMismatchError', key })
  })
})

describe('reads of the past', () => {
  test('get a version, or the item as of a time', async () => {
    const key = newKey()
    const [first, second] = await putAll(key, [1, 2])
    expect(await client.get(key, { version: first?.version })).toEqual(first)
    expect(await client.get(key, { at: first?.updatedAt })).toEqual(first)
    expect(await client.getOrThrow(key, { at: new Date(second?.updatedAt ?? '') })).toEqual(second)
    await client.delete(key)
    await new Promise((resolve) => setTimeout(resolve, 3))
    expect(await client.get(key, { at: new Date(Date.now() - 1) })).toBe(undefined)
    expect(await client.get(key, { version: first?.version })).toEqual(first)
  })

  test('list the items as of a time', async () => {
    const prefix = newKey()
    await putAll(`${prefix}/a`, [1])
    const [{ updatedAt: at } = { updatedAt: '' }] = await putAll(`${prefix}/b`, [1])
    await client.deletePrefix(prefix)
    const page = await client.list({ prefix, at, pageSize: 1 })
    expect(page).toMatchObject({ total: null, totalPages: null, items: [{ key: `${prefix}/a` }] })
    expect((await collect(client.items({ prefix, at: new Date(at), pageSize: 1 }))).map(({ key }) => key)).toEqual([
      `${prefix}/a`,
      `${prefix}/b`,
    ])
    expect(await collect(client.keys({ prefix, at, reverse: true }))).toEqual([`${prefix}/b`, `${prefix}/a`])
  })

  test('throw a VersionNotKeptError if the history does not reach back', async () => {
    const key = newKey()
    const error = await rejection(client.get(key, { at: '2020-01-01T00:00:00Z' }))
    expect(error).toBeInstanceOf(VersionNotKeptError)
    expect(error).toMatchObject({ code: 'version_not_kept', status: 404 })
    expect(await rejection(client.get(key, { version: '1' }))).toBeInstanceOf(VersionNotKeptError)
    expect(await rejection(client.list({ at: '2020-01-01T00:00:00Z' }))).toBeInstanceOf(VersionNotKeptError)
  })

  test.each<[string, (key: string) => Promise<unknown>]>([
    ['a version together with a time', (key) => client.get(key, { version: '1', at: new Date(0) })],
    ['an invalid Date', (key) => client.get(key, { at: new Date(Number.NaN) })],
    ['an invalid Date of a list', () => client.list({ at: new Date(Number.NaN) })],
    ['a version that is no string', (key) => client.restore(key, 1 as unknown as string)],
    ['an unknown option of versions', (key) => collect(client.versions(key, { limit: 1 } as object))],
    ['an unknown option of restore', (key) => client.restore(key, '1', { at: '' } as object)],
  ])('reject %s before they send it', async (_what, run) => {
    expect(await rejection(run(newKey()))).toBeInstanceOf(InvalidArgumentError)
  })
})

describe('restore', () => {
  test('puts the value of a version, under conditions and with an expiry', async () => {
    const key = newKey()
    const [first, second] = await putAll(key, [{ n: 1 }, { n: 2 }])
    const { version = '' } = first ?? {}
    expect(await rejection(client.restore(key, version, { ifMatch: version }))).toMatchObject({ name: 'PreconditionFailedError' })
    const restored = await client.restore(key, version, { ifMatch: second?.version ?? '', ttl: 60 })
    expect(restored).toMatchObject({ key, value: { n: 1 }, createdVersion: first?.createdVersion, expiresAt: expect.any(String) })
    await client.delete(key)
    expect(await client.restore(key, version, { ifNoneMatch: '*' })).toMatchObject({ value: { n: 1 }, expiresAt: null })
  })

  test('throws a VersionNotKeptError for a version that is not kept', async () => {
    expect(await rejection(client.restore(newKey(), '1'))).toBeInstanceOf(VersionNotKeptError)
  })
})

test('the types of versions and lists depend on their options', () => {
  const results = (typed: Client) => ({
    versions: typed.versions('k'),
    metadata: typed.versions('k', { values: false }),
    past: typed.list({ at: '2026-11-20T00:00:00Z' }),
  })
  type Results = ReturnType<typeof results>
  expectTypeOf<Results['versions']>().toEqualTypeOf<AsyncGenerator<ItemVersion<unknown>, void, undefined>>()
  expectTypeOf<Results['metadata']>().toEqualTypeOf<AsyncGenerator<ItemVersionMetadata, void, undefined>>()
  expectTypeOf<Awaited<Results['past']>['total']>().toBeNull()
  expectTypeOf<Awaited<Results['past']>['totalPages']>().toBeNull()
  expectTypeOf<ItemVersion['ended']>().toEqualTypeOf<'replaced' | 'deleted' | 'expired' | null>()
})
