import { describe, expect, inject, test } from 'vitest'
import {
  InvalidArgumentError,
  InvalidRequestError,
  ItemExistsError,
  ItemNotFoundError,
  NotANumberError,
  OutOfBoundsError,
  PreconditionFailedError,
  TooLargeError,
  TtlRequiredError,
} from '../src/index.js'
import { direct, newKey, rejection } from './support/proxied.js'

const client = direct()

describe('single items', () => {
  test('put, get, has and delete work', async () => {
    const key = newKey()
    const put = await client.put(key, { theme: 'dark' })
    expect(put).toMatchObject({ key, value: { theme: 'dark' }, version: expect.stringMatching(/^[0-9]+$/), expiresAt: null })
    expect(await client.get(key)).toEqual(put)
    expect(await client.getOrThrow(key)).toEqual(put)
    expect(await client.has(key)).toBe(true)
    expect(await client.delete(key)).toBe(true)
    expect(await client.delete(key)).toBe(false)
    expect(await client.get(key)).toBe(undefined)
    expect(await client.has(key)).toBe(false)
    expect(await rejection(client.getOrThrow(key))).toBeInstanceOf(ItemNotFoundError)
  })

  test('create rejects an existing item and has its version', async () => {
    const key = newKey()
    const { version } = await client.create(key, null, { ttl: 60 })
    const error = await rejection(client.create(key, 1))
    expect(error).toBeInstanceOf(ItemExistsError)
    expect(error).toMatchObject({
      code: 'item_exists',
      status: 409,
      version,
      attempts: 1,
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    expect((error as Error).message).toBe(
      `create "${key}" at ${inject('apiUrl')}: 409 item_exists: a live item has this key (request ${(error as ItemExistsError).requestId})`,
    )
  })

  test('conditions are evaluated', async () => {
    const key = newKey()
    expect(await rejection(client.put(key, 1, { ifMatch: '*' }))).toMatchObject({ name: 'PreconditionFailedError', version: undefined })
    const { version } = await client.put(key, 1, { ifNoneMatch: '*' })
    expect(await rejection(client.put(key, 2, { ifNoneMatch: '*' }))).toMatchObject({ name: 'PreconditionFailedError', version })
    const newer = await client.put(key, 2, { ifMatch: version })
    expect(await rejection(client.delete(key, { ifMatch: version }))).toMatchObject({ version: newer.version, status: 412 })
    expect(await client.delete(key, { ifMatch: newer.version })).toBe(true)
  })

  test('put sets and keeps an expiry', async () => {
    const key = newKey()
    const { expiresAt } = await client.put(key, 1, { ttl: 3600 })
    expect(await client.put(key, 2, { keepTtl: true })).toMatchObject({ expiresAt })
    expect(await client.put(key, 3)).toMatchObject({ expiresAt: null })
    const at = '2100-01-01T00:00:00.000Z'
    expect(await client.put(key, 4, { expiresAt: at })).toMatchObject({ expiresAt: at })
  })

  test('refresh returns the same object if nothing changed', async () => {
    const key = newKey()
    const item = await client.put(key, 'a')
    expect(await client.refresh(item)).toBe(item)
    const newer = await client.put(key, 'b')
    expect(await client.refresh(item)).toEqual(newer)
    await client.delete(key)
    expect(await client.refresh(item)).toBe(undefined)
  })

  test.each(['a/b', ' ', '%2F', '?x=1#y', 'é\u{10ffff}', '...', '+', 'x'.repeat(1024)])('the key %j is stored unchanged', async (text) => {
    const item = await client.put(text, text)
    expect(await client.get(text)).toEqual(item)
    await client.delete(text)
  })

  test.each(['', '.', '..', '\ud800'])('the key %j is rejected before a request is sent', async (key) => {
    for (const call of [() => client.get(key), () => client.put(key, 1), () => client.delete(key)]) {
      expect(await rejection(call())).toMatchObject({ name: 'InvalidArgumentError', attempts: 0 })
    }
  })

  test('an invalid request has the faults of the service', async () => {
    const error = await rejection(client.put('k', 1, { ttl: 0 }))
    expect(error).toBeInstanceOf(InvalidRequestError)
    expect(error).toMatchObject({ code: 'validation_failed', faults: [{ path: 'body.ttl' }], attempts: 1 })
    expect(await rejection(client.put('k', 'x'.repeat(1_100_000)))).toBeInstanceOf(TooLargeError)
  })
})

describe('update', () => {
  test('creates an item, changes it, and leaves it unchanged if change returns undefined', async () => {
    const key = newKey()
    expect(await client.update(key, (value) => (value === undefined ? 1 : 0), { ttl: 60 })).toMatchObject({ value: 1 })
    const changed = await client.update(key, (value) => (value as number) + 1)
    expect(changed).toMatchObject({ value: 2, expiresAt: expect.any(String) })
    expect(await client.update(key, () => undefined)).toEqual(changed)
  })

  test('loses no change of ten concurrent callers', async () => {
    const key = newKey()
    const add = () => client.update(key, (value) => ((value as number | undefined) ?? 0) + 1)
    await Promise.all(Array.from({ length: 10 }, add))
    expect(await client.get(key)).toMatchObject({ value: 10 })
  })

  test('fails at totalTimeout if other writers keep intervening', async () => {
    const key = newKey()
    const other = direct()
    const change = async () => {
      await other.put(key, 'by another writer')
      return 'mine'
    }
    // If the time ends during a write, its outcome is unknown.
    expect((await rejection(client.update(key, change, { totalTimeout: 300 }))) as Error).toMatchObject({
      name: expect.toBeOneOf(['PreconditionFailedError', 'OutcomeUnknownError']),
    })
  })
})

describe('lists', () => {
  test('pages, iterators and deletePrefix work', async () => {
    const prefix = `${newKey()}/`
    const keys = Array.from({ length: 5 }, (_, n) => `${prefix}${n}`)
    for (const key of keys) await client.put(key, { key })
    const page = await client.list({ prefix, page: 2, pageSize: 2 })
    expect(page).toMatchObject({ total: 5, page: 2, pageSize: 2, totalPages: 3, nextCursor: expect.any(String) })
    expect(page.items.map(({ key, value }) => [key, value])).toEqual([2, 3].map((n) => [keys[n], { key: keys[n] }]))
    const next = await client.list({ prefix, pageSize: 2, cursor: page.nextCursor ?? '', keysOnly: true })
    expect(next.items).toEqual([expect.not.objectContaining({ value: expect.anything() })])

    const seen: unknown[] = []
    // With page numbers, deleting the items of a page would make the next page skip items.
    for await (const item of client.items({ prefix, pageSize: 2 })) {
      seen.push(item.value)
      await client.delete(item.key)
    }
    expect(seen).toEqual(keys.map((key) => ({ key })))

    for (const key of keys) await client.put(key, 1)
    const again: string[] = []
    for await (const key of client.keys({ prefix })) again.push(key)
    expect(again).toEqual(keys)
    const down: string[] = []
    for await (const key of client.keys({ prefix, reverse: true, startAfter: `${prefix}3x`, pageSize: 2 })) down.push(key)
    expect(down).toEqual([3, 2, 1, 0].map((n) => keys[n]))
    const after = await client.list({ prefix, startAfter: `${prefix}1`, pageSize: 2 })
    expect(after.items.map(({ key }) => key)).toEqual(keys.slice(2, 4))
    expect(await client.deletePrefix(prefix)).toBe(5)
    expect((await client.list({ prefix })).total).toBe(0)
  })

  test('getMany returns items in the order of the keys', async () => {
    const key = newKey()
    await client.put(key, 10n ** 18n + 1n)
    const [none, item] = await client.getMany([`${key}-none`, key])
    expect([none, item?.key, item?.value]).toEqual([undefined, key, 10n ** 18n + 1n])
    expect(await rejection(client.getMany(Array(1001).fill('x')))).toBeInstanceOf(InvalidRequestError)
  })

  test('increment and decrement work', async () => {
    const key = newKey()
    expect(await client.increment(key)).toMatchObject({ key, value: 1 })
    expect(await client.increment(key, { by: 2n ** 62n, ttl: 60 })).toMatchObject({ value: 2n ** 62n + 1n, expiresAt: null })
    expect(await client.decrement(key, { by: 2n ** 62n, ttl: 60, refreshTtl: true })).toMatchObject({
      value: 1,
      expiresAt: expect.any(String),
    })
    expect(await client.decrement(key, { by: 0.5, ifMatch: '*' })).toMatchObject({ value: 0.5 })
    const error = await rejection(client.decrement(key, { min: 0 }))
    expect(error).toBeInstanceOf(OutOfBoundsError)
    expect(error).toMatchObject({ code: 'out_of_bounds', status: 409, value: 0.5, expiresAt: expect.any(String) })
    const limited = newKey()
    expect(await rejection(client.increment(limited, { requireTtl: true }))).toBeInstanceOf(TtlRequiredError)
    expect(await client.increment(limited, { requireTtl: true, ttl: 60 })).toMatchObject({ value: 1 })
    const { version } = await client.touch(limited, { ttl: null })
    expect(await rejection(client.increment(limited, { requireTtl: true }))).toMatchObject({ code: 'ttl_required', version })
    const big = newKey()
    await client.put(big, 2n ** 63n - 1n)
    expect(await rejection(client.increment(big))).toMatchObject({ value: 2n ** 63n - 1n })
    expect(Object.is((await client.decrement(newKey(), { by: 0 })).value, 0)).toBe(true)
    await client.put(key, 'text')
    expect(await rejection(client.increment(key))).toBeInstanceOf(NotANumberError)
    expect(await rejection(client.increment(key, { ifNoneMatch: '*' }))).toBeInstanceOf(PreconditionFailedError)
  })

  test('patch and touch work', async () => {
    const key = newKey()
    await client.put(key, { big: 10n ** 18n + 1n, old: 1 }, { ttl: 1000 })
    const patched = await client.patch(key, { old: null, new: 2n })
    expect([patched.value, patched.expiresAt]).toEqual([{ big: 10n ** 18n + 1n, new: 2 }, expect.any(String)])
    expect((await client.touch(key, { ttl: null })).expiresAt).toBe(null)
    const touched = await client.patch(key, { new: 3 }, { ttl: 60, ifMatch: '*' })
    expect(touched).toMatchObject({ value: { new: 3 }, expiresAt: expect.any(String) })
    expect(await rejection(client.touch(key, { ttl: 1 }, { ifMatch: patched.version }))).toBeInstanceOf(PreconditionFailedError)
    expect(await rejection(client.patch(`${key}-none`, 1))).toBeInstanceOf(ItemNotFoundError)
    expect(await rejection(client.touch(key, { expiresAt: 'tomorrow' }))).toBeInstanceOf(InvalidRequestError)
  })

  test('lists can be grouped, and read without a total', async () => {
    const prefix = `${newKey()}/`
    for (const name of ['a', 'b/1', 'b/2', 'c']) await client.put(prefix + name, name)
    const page = await client.list({ prefix, delimiter: '/', pageSize: 2 })
    expect([page.items.map(({ value }) => value), page.prefixes, page.total]).toEqual([['a'], [`${prefix}b/`], 4])
    const next = await client.list({ prefix, delimiter: '/', count: 'none', cursor: page.nextCursor ?? '' })
    expect([next.items.map(({ value }) => value), next.prefixes, next.total]).toEqual([['c'], [], null])
    expect((await client.list({ prefix })).prefixes).toBe(undefined)
  })

  test('an invalid prefix deletes nothing', async () => {
    expect(await rejection(client.deletePrefix('\ud800'))).toBeInstanceOf(InvalidArgumentError)
    expect(await rejection(client.deletePrefix(''))).toBeInstanceOf(InvalidRequestError)
  })
})

test('health and call work', async () => {
  expect(await client.health()).toMatchObject({ status: 'ok', database: { status: 'ok', kind: 'embedded' } })
  const key = newKey()
  const { status, body, headers } = await client.call('putItem', {
    params: { key },
    headers: { prefer: 'return=minimal' },
    body: { value: 1 },
  })
  expect([status, 'value' in body, headers.get('preference-applied')]).toEqual([201, false, 'return=minimal'])
})
