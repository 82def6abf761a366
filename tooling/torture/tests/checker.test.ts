import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkLinearizable } from '../src/history/checker.ts'
import { explainViolation } from '../src/history/explain.ts'
import { itemModel } from '../src/history/item-model.ts'
import type { Answer, Operation, Request } from '../src/history/operation.ts'
import { anyHistory, goodHistory } from './support/histories.ts'
import { hasOrder } from './support/permutations.ts'

const get: Request = { kind: 'get' }
const remove: Request = { kind: 'delete' }
const put = (value: unknown): Request => ({ kind: 'put', value })
const cas = (expected: bigint | null, value: unknown): Request => ({ kind: 'cas', expected, value })
const increment = (by: number): Request => ({ kind: 'increment', by })
const item = (value: unknown, version: bigint, created?: bigint): Answer => ({
  kind: 'item',
  value,
  version,
  ...(created === undefined ? {} : { created }),
})
const none: Answer = { kind: 'none' }
const deleted: Answer = { kind: 'deleted' }
const mismatch = (version: bigint | null): Answer => ({ kind: 'mismatch', version })

let client = 0
const done = (called: number, returned: number, request: Request, response: Answer): Operation => ({
  client: client++,
  request,
  called,
  returned,
  response,
})
const lost = (called: number, request: Request): Operation => ({ client: client++, request, called })

const good: Record<string, Operation[]> = {
  'nothing at all': [],
  'one after another': [
    done(0, 1, get, none),
    done(2, 3, put('a'), item('a', 4n)),
    done(4, 5, get, item('a', 4n)),
    done(6, 7, remove, deleted),
    done(8, 9, remove, none),
    done(10, 11, increment(2), item(2, 5n)),
  ],
  'a read during a put sees either': [done(0, 9, put('a'), item('a', 1n)), done(1, 2, get, none), done(3, 4, get, item('a', 1n))],
  'overlapping puts in the order of their versions': [
    done(0, 9, put('a'), item('a', 2n)),
    done(1, 8, put('b'), item('b', 1n)),
    done(10, 11, get, item('a', 2n)),
  ],
  'of two compare-and-sets one wins': [
    done(0, 1, put('a'), item('a', 1n)),
    done(2, 5, cas(1n, 'b'), item('b', 2n)),
    done(2, 5, cas(1n, 'c'), mismatch(2n)),
  ],
  'a create that finds an item': [done(0, 1, cas(null, 'a'), item('a', 1n)), done(2, 3, cas(null, 'b'), mismatch(1n))],
  'a check that fails and tells no version': [
    done(0, 1, put('a'), item('a', 2n)),
    done(2, 3, cas(1n, 'b'), { kind: 'mismatch' }),
    done(2, 3, cas(null, 'c'), { kind: 'mismatch' }),
  ],
  'a lost put that took effect late': [
    done(0, 1, put('a'), item('a', 1n)),
    lost(2, put('b')),
    done(3, 4, get, item('a', 1n)),
    done(5, 6, get, item('b', 2n)),
  ],
  'a lost put that never took effect': [done(0, 1, put('a'), item('a', 1n)), lost(2, put('b')), done(3, 4, get, item('a', 1n))],
  'a lost put that was overwritten': [
    lost(0, put('a')),
    done(1, 2, cas(null, 'b'), mismatch(7n)),
    done(3, 4, put('c'), item('c', 8n)),
    done(5, 6, get, item('c', 8n)),
  ],
  'a compare-and-set on the version of a lost put': [lost(0, put('a')), done(1, 2, cas(3n, 'b'), item('b', 4n))],
  'items that keep the version that they were created with': [
    done(0, 1, put('a'), item('a', 1n, 1n)),
    done(2, 3, put('b'), item('b', 2n, 1n)),
    done(4, 5, remove, deleted),
    lost(6, put('c')),
    lost(7, put('d')),
    done(8, 9, get, item('d', 6n, 4n)),
    done(10, 11, put('e'), item('e', 7n, 4n)),
  ],
  'a lost increment that counts later': [
    done(0, 1, increment(1), item(1, 1n)),
    lost(2, increment(5)),
    done(3, 4, increment(1), item(2, 2n)),
    done(5, 6, get, item(7, 3n)),
  ],
}

const bad: Record<string, Operation[]> = {
  'a put that renews the created version': [done(0, 1, put('a'), item('a', 1n, 1n)), done(2, 3, put('b'), item('b', 2n, 2n))],
  'a create that keeps the created version of the item before': [
    done(0, 1, put('a'), item('a', 1n, 1n)),
    done(2, 3, remove, deleted),
    done(4, 5, put('b'), item('b', 2n, 1n)),
  ],
  'a read of another created version than that of the lost create': [
    done(0, 1, put('a'), item('a', 1n, 1n)),
    done(2, 3, remove, deleted),
    lost(4, put('b')),
    done(5, 6, get, item('b', 2n, 1n)),
  ],
  'a stale read': [done(0, 1, put('a'), item('a', 1n)), done(2, 3, put('b'), item('b', 2n)), done(4, 5, get, item('a', 1n))],
  'a read that goes back during a put': [done(0, 9, put('a'), item('a', 1n)), done(1, 2, get, item('a', 1n)), done(3, 4, get, none)],
  'a lost write': [done(0, 1, put('a'), item('a', 1n)), done(2, 3, get, none)],
  'a value out of nowhere': [done(0, 1, get, item('a', 1n))],
  'two winners of one version': [
    done(0, 1, put('a'), item('a', 1n)),
    done(2, 5, cas(1n, 'b'), item('b', 2n)),
    done(2, 5, cas(1n, 'c'), item('c', 3n)),
  ],
  'a mismatch that tells a version of the past': [
    done(0, 1, put('a'), item('a', 1n)),
    done(2, 3, put('b'), item('b', 2n)),
    done(4, 5, cas(9n, 'c'), mismatch(1n)),
  ],
  'a mismatch with the version that was asked for': [done(0, 1, put('a'), item('a', 1n)), done(2, 3, cas(1n, 'b'), mismatch(1n))],
  'a check that fails on the right version': [done(0, 1, put('a'), item('a', 1n)), done(2, 3, cas(1n, 'b'), { kind: 'mismatch' })],
  'two that deleted one item': [done(0, 1, put('a'), item('a', 1n)), done(2, 5, remove, deleted), done(2, 5, remove, deleted)],
  'an increment that counts twice': [done(0, 1, increment(1), item(1, 1n)), done(2, 3, increment(1), item(3, 2n))],
  'a lost increment that counts twice': [lost(0, increment(1)), done(1, 2, get, item(1, 1n)), done(3, 4, get, item(2, 2n))],
  'two increments with one result': [done(0, 5, increment(1), item(1, 1n)), done(0, 5, increment(1), item(1, 2n))],
  'a version that does not grow': [done(0, 1, put('a'), item('a', 5n)), done(2, 3, put('b'), item('b', 4n))],
  'a version used again after a delete': [
    done(0, 1, put('a'), item('a', 5n)),
    done(2, 3, remove, deleted),
    done(4, 5, put('b'), item('b', 5n)),
  ],
  'a version that changes without a write': [
    done(0, 1, put('a'), item('a', 1n)),
    done(2, 3, get, item('a', 1n)),
    done(4, 5, get, item('a', 2n)),
  ],
  'a lost put before its call': [done(0, 1, get, item('a', 1n)), lost(2, put('a'))],
}

describe('accepted', () => {
  test.each(Object.entries(good))('%s', (_name, history) => {
    expect(explainViolation('k', history, itemModel)).toBe(undefined)
    expect(hasOrder(history, itemModel)).toBe(true)
  })
})

describe('rejected', () => {
  test.each(Object.entries(bad))('%s', (_name, history) => {
    expect(checkLinearizable(history, itemModel).linearizable).toBe(false)
    expect(hasOrder(history, itemModel)).toBe(false)
  })
})

test('a smaller version after a delete is refused', () => {
  const history = [done(0, 1, put('a'), item('a', 5n)), done(2, 3, remove, deleted), done(4, 5, put('b'), item('b', 4n))]
  expect(checkLinearizable(history, itemModel).linearizable).toBe(false)
})

test('histories of a correct object are accepted, however their operations overlap', () => {
  fc.assert(
    fc.property(goodHistory(50), (history) => checkLinearizable(history, itemModel).linearizable),
    { numRuns: 300 },
  )
})

test('it agrees with trying every order', () => {
  let rejected = 0
  fc.assert(
    fc.property(anyHistory(6), (history) => {
      const expected = hasOrder(history, itemModel)
      if (!expected) rejected++
      return checkLinearizable(history, itemModel).linearizable === expected
    }),
    { numRuns: 3_000 },
  )
  expect(rejected).toBeGreaterThan(300)
})

test('a violation is explained by the first answer that cannot be right', () => {
  const history = [
    ...Array.from({ length: 50 }, (_, n) => done(n * 10, n * 10 + 5, put(`v${n}`), item(`v${n}`, BigInt(n + 1)))),
    done(600, 601, get, item('v48', 49n)),
    done(602, 603, put('z'), item('z', 90n)),
  ]
  const text = explainViolation('k', history, itemModel) ?? ''
  expect(text).toContain('key k is not linearizable')
  expect(text.split('\n')[1]).toContain('get → "v48", version 49')
  expect(text).toContain('put "v49" → "v49", version 50')
  expect(text).not.toContain('"z"')
  expect(text.split('\n').length).toBeLessThan(20)
})
