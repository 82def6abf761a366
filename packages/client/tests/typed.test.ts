import * as v from 'valibot'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { InvalidArgumentError, StoredValueMismatchError } from '../src/index.js'
import { direct, newKey, rejection } from './support/proxied.js'

const client = direct()

describe.each([
  ['zod', client.typed(z.object({ user: z.int() }))],
  ['valibot', client.typed(v.object({ user: v.pipe(v.number(), v.integer()) }))],
])('a %s schema', (_name, sessions) => {
  test('checks values when they are written', async () => {
    const key = newKey()
    expect(await sessions.put(key, { user: 7 })).toMatchObject({ value: { user: 7 } })
    // @ts-expect-error: not a value of the schema
    const error = await rejection(sessions.put(key, { user: 'x' }))
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toMatchObject({ faults: [{ path: 'user' }], attempts: 0 })
    expect(await client.get(key)).toMatchObject({ value: { user: 7 } })
  })

  test('checks values when they are read', async () => {
    const key = newKey()
    await client.put(key, { user: 'x' })
    for (const read of [() => sessions.get(key), () => sessions.list({ prefix: key }), () => sessions.items({ prefix: key }).next()]) {
      const error = await rejection(read())
      expect(error).toBeInstanceOf(StoredValueMismatchError)
      expect(error).toMatchObject({ key, faults: [{ path: 'user' }] })
    }
    expect((await sessions.list({ prefix: key, keysOnly: true })).total).toBe(1)
  })

  test('determines the types of values', async () => {
    const item = await sessions.get(newKey())
    expectTypeOf(item?.value).toEqualTypeOf<{ user: number } | undefined>()
  })
})

test('a schema that transforms stores its input and reads its output', async () => {
  const dates = client.typed(z.iso.datetime().transform((text) => new Date(text)))
  const key = newKey()
  const put = await dates.put(key, '2026-11-21T00:00:00Z')
  expectTypeOf(put.value).toEqualTypeOf<Date>()
  expect(put.value).toEqual(new Date('2026-11-21T00:00:00Z'))
  expect(await client.get(key)).toMatchObject({ value: '2026-11-21T00:00:00Z' })
  const later = await dates.update(key, (date) => new Date((date?.getTime() ?? 0) + 1000).toISOString())
  expect(later?.value).toEqual(new Date('2026-11-21T00:00:01Z'))
})

test('a schema may be asynchronous', async () => {
  const slow = client.typed(z.string().refine(async (text) => text.length < 3))
  const key = newKey()
  expect(await slow.put(key, 'ab')).toMatchObject({ value: 'ab' })
  expect(await rejection(slow.put(key, 'abc'))).toBeInstanceOf(InvalidArgumentError)
})
