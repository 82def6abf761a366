import { describe, expect, expectTypeOf, test } from 'vitest'
import { ChecksFailedError, InvalidArgumentError, type Item, NotANumberError, OutcomeUnknownError, OutOfBoundsError } from '../src/index.js'
import { direct, newKey, proxied, rejection } from './support/proxied.js'

const client = direct()

describe('a transaction', () => {
  test('resolves with the results of a step, an array, an object, or nothing', async () => {
    const [a, b] = [newKey(), newKey()]
    const one = await client.transaction((tx) => tx.set(a, { n: 1 }, { ttl: 60 }))
    expectTypeOf(one).toEqualTypeOf<Item<{ readonly n: 1 }> | Item<{ n: number }>>
    expect(one).toMatchObject({ key: a, value: { n: 1 }, expiresAt: expect.any(String) })

    const [counter, none] = await client.transaction((tx) => [tx.increment(b, { by: 2n ** 60n }), tx.get(`${b}-none`)])
    expectTypeOf(counter).toEqualTypeOf<Item<number | bigint>>()
    expectTypeOf(none).toEqualTypeOf<Item | undefined>()
    expect([counter.value, none]).toEqual([2n ** 60n, undefined])

    const { gone, again, left } = await client.transaction((tx) => ({
      gone: tx.delete(a),
      again: tx.delete(a),
      left: tx.decrement(b, { by: 2n ** 60n - 1n }),
    }))
    expectTypeOf(gone).toEqualTypeOf<boolean>()
    expect([gone, again, left.value]).toEqual([true, false, 1])

    const nothing = await client.transaction((tx) => {
      tx.increment(b)
    })
    expectTypeOf(nothing).toBeVoid()
    expect([nothing, (await client.get(b))?.value]).toEqual([undefined, 2])
  })

  test('is applied only if all checks hold', async () => {
    const [a, b] = [newKey(), newKey()]
    const { version } = await client.put(a, 1)
    const write = (expected: string | null) =>
      client.transaction((tx) => {
        tx.check(b, null)
        tx.check(a, expected)
        tx.set(b, 2)
      })
    const error = await rejection(write(null))
    expect(error).toBeInstanceOf(ChecksFailedError)
    expect(error).toMatchObject({ code: 'checks_failed', status: 412, failedChecks: [1] })
    expect(await client.has(b)).toBe(false)
    await write(version)
    expect((await client.get(b))?.value).toBe(2)
    expect(await rejection(write(version))).toMatchObject({ failedChecks: [0] })
  })

  test('has the index of the rejected operation', async () => {
    const [a, b] = [newKey(), newKey()]
    await client.put(a, 'text')
    const error = await rejection(client.transaction((tx) => [tx.set(b, 1), tx.increment(a)]))
    expect(error).toBeInstanceOf(NotANumberError)
    expect(error).toMatchObject({ failedOperation: 1 })
    const bounded = await rejection(client.transaction((tx) => [tx.set(b, 1), tx.decrement(b, { by: 2, min: 0 })]))
    expect(bounded).toBeInstanceOf(OutOfBoundsError)
    expect(bounded).toMatchObject({ failedOperation: 1, value: 1 })
    expect(await client.has(b)).toBe(false)
  })

  test('rejects invalid arguments before a request is sent', async () => {
    expect(await rejection(client.transaction(async (tx) => tx.get('a')))).toBeInstanceOf(InvalidArgumentError)
    expect(await rejection(client.transaction((tx) => tx.set('a', undefined as unknown)))).toBeInstanceOf(InvalidArgumentError)
  })

  test('is applied once even if responses are lost', async () => {
    const { proxy, client: faulty } = await proxied()
    const key = newKey()
    proxy.plan({ kind: 'cut after' }, { kind: 'truncate', bytes: 20 })
    const counter = await faulty.transaction((tx) => tx.increment(key))
    expect([counter.value, proxy.requests.length]).toEqual([1, 3])
    proxy.plan({ kind: 'cut after' })
    const error = await rejection(faulty.transaction((tx) => tx.increment(key), { retry: false }))
    expect(error).toBeInstanceOf(OutcomeUnknownError)
    const { idempotencyKey = '' } = error as OutcomeUnknownError
    expect((await faulty.transaction((tx) => tx.increment(key), { idempotencyKey })).value).toBe(2)
  })
})
