import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJson, stringifyJson } from '../src/json.js'
import { direct, newKey, rejection } from './support/proxied.js'

const client = direct()

test('every JSON value comes back as it was put', async () => {
  const key = newKey()
  // -0 is 0 in JSON; NUL and lone surrogates are not text that PostgreSQL takes.
  const value = fc
    .jsonValue({ maxDepth: 3, stringUnit: 'grapheme' })
    .filter((json) => !JSON.stringify(json).includes('\\u0000'))
    .map((json) => parseJson(JSON.stringify(json)))
  await fc.assert(
    fc.asyncProperty(value, async (json) => {
      await client.put(key, json)
      expect((await client.get(key))?.value).toEqual(json)
    }),
    { numRuns: 100 },
  )
})

describe('integers', () => {
  const exact = (n: bigint) => (n >= BigInt(Number.MIN_SAFE_INTEGER) && n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n)

  test('beyond 2^53 are bigints and keep every digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (n) => {
        expect(parseJson(stringifyJson({ n: [n] }))).toEqual({ n: [exact(n)] })
      }),
    )
  })

  test('through the service', async () => {
    const key = newKey()
    await client.put(key, { id: 2n ** 63n - 1n, small: 1, real: 1.5, text: '9007199254740993', big: 1e300 })
    expect((await client.get(key))?.value).toEqual({ id: 9223372036854775807n, small: 1, real: 1.5, text: '9007199254740993', big: 1e300 })
  })

  test('are refused, not rounded, where the runtime does not show their digits', () => {
    const { parse } = JSON
    JSON.parse = (text, reviver) => parse(text, reviver && ((name, value) => reviver.call(undefined, name, value)))
    try {
      expect(() => parseJson('[9007199254740993]')).toThrow(RangeError)
      expect(parseJson('["9007199254740993", 0.12345678901234566]')).toEqual(['9007199254740993', 0.12345678901234566])
    } finally {
      JSON.parse = parse
    }
  })
})

test.each([
  ['undefined', undefined],
  ['NaN', { a: Number.NaN }],
  ['Infinity', [Number.POSITIVE_INFINITY]],
  ['a function', { f: () => 1 }],
  ['a Map', { m: new Map() }],
  ['a Set', new Set([1])],
])('%s is refused before it is sent', async (what, value) => {
  const error = await rejection(client.put('k', value))
  expect(error).toMatchObject({ name: 'InvalidArgumentError', code: 'invalid_argument', attempts: 0 })
  expect((error as Error).message).toContain(what)
})

test('a cycle is refused', async () => {
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  expect(await rejection(client.put('k', cycle))).toMatchObject({ name: 'InvalidArgumentError' })
})
