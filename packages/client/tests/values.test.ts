import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../src/index.js'
import { parseJson } from '../src/parse-json.js'
import { stringifyJson } from '../src/write-json.js'
import { direct, newKey, rejection } from './support/proxied.js'

const client = direct()

test('every JSON value is read as it was written', async () => {
  const key = newKey()
  // PostgreSQL does not accept NUL and unpaired surrogates.
  const value = fc
    .jsonValue({ maxDepth: 3, stringUnit: 'grapheme' })
    .filter((json) => !JSON.stringify(json).includes('\\u0000'))
    .map((json) => parseJson(stringifyJson(json, 'value')))
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
        expect(parseJson(stringifyJson({ n: [n] }, ''))).toEqual({ n: [exact(n)] })
      }),
    )
  })

  test('keep every digit in the service', async () => {
    const key = newKey()
    await client.put(key, { id: 2n ** 63n - 1n, small: 1, real: 1.5, text: '9007199254740993', big: 1e300 })
    expect((await client.get(key))?.value).toEqual({ id: 9223372036854775807n, small: 1, real: 1.5, text: '9007199254740993', big: 1e300 })
  })

  test('are rejected instead of rounded if the runtime does not support source text access', () => {
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

describe('a value is written exactly or rejected with its path', () => {
  class Point {
    x = 1
  }
  const cycle: Record<string, unknown> = { list: [] }
  ;(cycle.list as unknown[]).push(cycle)
  const nested = (levels: number): unknown => Array.from({ length: levels }).reduce((within: unknown) => [within], 1)
  const gaps: unknown[] = [1]
  gaps[2] = 3

  test.each<[path: string, value: unknown, message: string]>([
    ['value', undefined, 'must not be undefined'],
    ['value.users[3].avatar', { users: [1, 2, 3, { avatar: new Uint8Array(2) }] }, 'Uint8Array is not JSON'],
    ['value.b', { b: Buffer.from('x') }, 'Buffer is not JSON'],
    ['value.b', { b: new ArrayBuffer(1) }, 'ArrayBuffer is not JSON'],
    ['value.b', { b: new Blob(['x']) }, 'Blob is not JSON'],
    ['value.e', { e: new RangeError('x') }, 'RangeError is not JSON'],
    ['value.r', { r: /x/ }, 'RegExp is not JSON'],
    ['value.p', { p: Promise.resolve(1) }, 'Promise is not JSON'],
    ['value.m', { m: new Map([[1, 2]]) }, 'Map is not JSON'],
    ['value.s', { s: new Set([1]) }, 'Set is not JSON'],
    ['value.w', { w: new WeakMap() }, 'WeakMap is not JSON'],
    ['value["a b"]', { 'a b': new Point() }, 'Point is not JSON'],
    ['value.n', { n: new Number(1) }, 'Number is not JSON'],
    ['value.n', { n: new String('x') }, 'String is not JSON'],
    ['value.n', { n: new Boolean(false) }, 'Boolean is not JSON'],
    ['value', Math, 'Math is not JSON'],
    ['value', Object.create({ inherited: 1 }), 'is not JSON'],
    ['value.f', { f: () => 1 }, 'a function is not JSON'],
    ['value.s', { s: Symbol('x') }, 'a symbol is not JSON'],
    ['value', { [Symbol('x')]: 1 }, 'a symbol as a name'],
    ['value.n', { n: Number.NaN }, 'NaN is not JSON'],
    ['value[0]', [Number.NEGATIVE_INFINITY], '-Infinity is not JSON'],
    ['value.d', { d: new Date(Number.NaN) }, 'an invalid Date is not JSON'],
    ['value[1]', [1, undefined], 'undefined is not JSON'],
    ['value[1]', gaps, 'a hole in an array'],
    ['value.index', 'x'.match(/x/), 'a named member of an array'],
    ['value.list[0]', cycle, 'a cycle is not JSON'],
    ['value.t[0]', { t: ['\ud800'] }, 'unpaired surrogates'],
    ['value["\\udc00"]', { '\udc00': 1 }, 'in the name, unpaired surrogates'],
    ['value', 'a\0b', 'the NUL character'],
    [`value${'[0]'.repeat(128)}`, nested(129), 'at most 128 levels'],
    ['value.j', { j: { toJSON: () => Number.NaN } }, 'NaN is not JSON'],
    ['value[0]', [{ toJSON: () => undefined }], 'undefined is not JSON'],
    ['value', { toJSON: () => new Map() }, 'Map is not JSON'],
  ])('%s is rejected', async (path, value, message) => {
    for (const call of [client.put('k', value), client.create('k', value), client.transaction((tx) => tx.set('k', value))]) {
      const error = await rejection(call)
      expect(error).toBeInstanceOf(InvalidArgumentError)
      expect(error).toMatchObject({ code: 'invalid_argument', attempts: 0, faults: [{ path }] })
      expect((error as Error).message).toContain(`"k": ${path}: `)
      expect((error as Error).message).toContain(message)
    }
  })

  test.each<[text: string, value: unknown]>([
    ['-0', -0],
    ['[0,-0]', [0, -0]],
    ['{"a":1}', Object.assign(Object.create(null), { a: 1 })],
    ['{"a":1}', { a: 1, b: undefined }],
    ['123456789012345678901234567890', 123456789012345678901234567890n],
    ['"2026-11-25T00:00:00.000Z"', new Date('2026-11-25')],
    ['{"u":"http://a/"}', { u: new URL('http://a') }],
    ['{}', { j: { toJSON: () => undefined } }],
    ['"k"', { toJSON: (name: string) => name || 'k' }],
    ['{"__proto__":1}', JSON.parse('{"__proto__":1}')],
    ['{"n":5e-324,"m":1e+21}', { n: 5e-324, m: 1e21 }],
    ['[{"a":1},{"a":1}]', ((twice) => [twice, twice])({ a: 1 })],
    ['"\\u2028 é\\""'.replace('\\u2028', '\u2028'), '\u2028 é"'],
  ])('a value is written as %s', (text, value) => {
    expect(stringifyJson(value, 'value')).toBe(text)
  })

  test('128 levels can be stored', async () => {
    const key = newKey()
    const value = nested(128)
    await client.put(key, value)
    expect((await client.get(key))?.value).toEqual(value)
    expect((await client.transaction((tx) => tx.set(key, value))).value).toEqual(value)
  })

  test('−0 is kept', async () => {
    const key = newKey()
    await client.put(key, { n: -0 })
    expect(Object.is((await client.get<{ n: number }>(key))?.value.n, -0)).toBe(true)
  })

  test('a value of another realm is accepted', () => {
    expect(stringifyJson(runInNewContext('({ a: [1, new Date(0)] })'), 'value')).toBe('{"a":[1,"1970-01-01T00:00:00.000Z"]}')
  })

  test('other values are written like JSON.stringify writes them', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: 'grapheme' }), (json) => {
        fc.pre(!JSON.stringify(json).includes('\\u0000'))
        expect(stringifyJson(json, 'value').replaceAll('-0', '0')).toBe(JSON.stringify(json).replaceAll('-0', '0'))
      }),
    )
  })

  test('a getter that throws is reported with its path and cause', () => {
    const broken = {
      get a(): number {
        throw new Error('from the getter')
      },
    }
    expect(() => stringifyJson(broken, 'value')).toThrow(
      expect.objectContaining({ name: 'InvalidArgumentError', cause: new Error('from the getter') }),
    )
  })
})
