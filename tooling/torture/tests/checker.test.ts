import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkLinearizable } from '../src/history/checker.ts'
import { explainViolation } from '../src/history/explain.ts'
import { itemModel } from '../src/history/item-model.ts'
import type { Operation, OperationResponse, Request } from '../src/history/operation.ts'
import { anyHistory, linearizableHistory } from './support/histories.ts'
import { hasOrder } from './support/permutations.ts'

const get: Request = { kind: 'get' }
const remove: Request = { kind: 'delete' }
const put = (value: unknown): Request => ({ kind: 'put', value })
const cas = (expected: bigint | null, value: unknown): Request => ({ kind: 'cas', expected, value })
const increment = (by: number): Request => ({ kind: 'increment', by })
const item = (value: unknown, version: bigint, created?: bigint): OperationResponse => ({
  kind: 'item',
  value,
  version,
  ...(created === undefined ? {} : { created }),
})
const none: OperationResponse = { kind: 'none' }
const deleted: OperationResponse = { kind: 'deleted' }
const mismatch = (version: bigint | null): OperationResponse => ({ kind: 'mismatch', version })

let client = 0
const done = (called: number, returned: number, request: Request, response: OperationResponse): Operation => ({
  client: client++,
  request,
  called,
  returned,
  response,
})
const pending = (called: number, request: Request): Operation => ({ client: client++, request, called })

const linearizable: Record<string, Operation[]> = {
  'an empty history': [],
  'sequential operations': [
    done(0, 1, get, none),
    done(2, 3, put('a'), item('a', 4n)),
    done(4, 5, get, item('a', 4n)),
    done(6, 7, remove, deleted),
    done(8, 9, remove, none),
    done(10, 11, increment(2), item(2, 5n)),
  ],
  'reads during a put that return the old and then the new state': [
    done(0, 9, put('a'), item('a', 1n)),
    done(1, 2, get, none),
    done(3, 4, get, item('a', 1n)),
  ],
  'overlapping puts in the order of their versions': [
    done(0, 9, put('a'), item('a', 2n)),
    done(1, 8, put('b'), item('b', 1n)),
    done(10, 11, get, item('a', 2n)),
  ],
  'two concurrent compare-and-sets of which one succeeds': [
    done(0, 1, put('a'), item('a', 1n)),
    done(2, 5, cas(1n, 'b'), item('b', 2n)),
    done(2, 5, cas(1n, 'c'), mismatch(2n)),
  ],
  'a create that is rejected because of an existing item': [
    done(0, 1, cas(null, 'a'), item('a', 1n)),
    done(2, 3, cas(null, 'b'), mismatch(1n)),
  ],
  'a mismatch without a version': [
    done(0, 1, put('a'), item('a', 2n)),
    done(2, 3, cas(1n, 'b'), { kind: 'mismatch' }),
    done(2, 3, cas(null, 'c'), { kind: 'mismatch' }),
  ],
  'a pending put that takes effect late': [
    done(0, 1, put('a'), item('a', 1n)),
    pending(2, put('b')),
    done(3, 4, get, item('a', 1n)),
    done(5, 6, get, item('b', 2n)),
  ],
  'a pending put that never takes effect': [done(0, 1, put('a'), item('a', 1n)), pending(2, put('b')), done(3, 4, get, item('a', 1n))],
  'a pending put that is overwritten': [
    pending(0, put('a')),
    done(1, 2, cas(null, 'b'), mismatch(7n)),
    done(3, 4, put('c'), item('c', 8n)),
    done(5, 6, get, item('c', 8n)),
  ],
  'a compare-and-set on the version of a pending put': [pending(0, put('a')), done(1, 2, cas(3n, 'b'), item('b', 4n))],
  'items that keep their created version': [
    done(0, 1, put('a'), item('a', 1n, 1n)),
    done(2, 3, put('b'), item('b', 2n, 1n)),
    done(4, 5, remove, deleted),
    pending(6, put('c')),
    pending(7, put('d')),
    done(8, 9, get, item('d', 6n, 4n)),
    done(10, 11, put('e'), item('e', 7n, 4n)),
  ],
  'a pending increment that takes effect late': [
    done(0, 1, increment(1), item(1, 1n)),
    pending(2, increment(5)),
    done(3, 4, increment(1), item(2, 2n)),
    done(5, 6, get, item(7, 3n)),
  ],
}

const notLinearizable: Record<string, Operation[]> = {
  'a put that changes the created version': [done(0, 1, put('a'), item('a', 1n, 1n)), done(2, 3, put('b'), item('b', 2n, 2n))],
  'a create that keeps the created version of the deleted item': [
    done(0, 1, put('a'), item('a', 1n, 1n)),
    done(2, 3, remove, deleted),
    done(4, 5, put('b'), item('b', 2n, 1n)),
  ],
  'a read with a different created version than that of the pending create': [
    done(0, 1, put('a'), item('a', 1n, 1n)),
    done(2, 3, remove, deleted),
    pending(4, put('b')),
    done(5, 6, get, item('b', 2n, 1n)),
  ],
  'a stale read': [done(0, 1, put('a'), item('a', 1n)), done(2, 3, put('b'), item('b', 2n)), done(4, 5, get, item('a', 1n))],
  'a read during a put that returns an older state than the read before': [
    done(0, 9, put('a'), item('a', 1n)),
    done(1, 2, get, item('a', 1n)),
    done(3, 4, get, none),
  ],
  'a lost write': [done(0, 1, put('a'), item('a', 1n)), done(2, 3, get, none)],
  'a value that was never written': [done(0, 1, get, item('a', 1n))],
  'two compare-and-sets that succeed on the same version': [
    done(0, 1, put('a'), item('a', 1n)),
    done(2, 5, cas(1n, 'b'), item('b', 2n)),
    done(2, 5, cas(1n, 'c'), item('c', 3n)),
  ],
  'a mismatch with an outdated version': [
    done(0, 1, put('a'), item('a', 1n)),
    done(2, 3, put('b'), item('b', 2n)),
    done(4, 5, cas(9n, 'c'), mismatch(1n)),
  ],
  'a mismatch with the expected version': [done(0, 1, put('a'), item('a', 1n)), done(2, 3, cas(1n, 'b'), mismatch(1n))],
  'a compare-and-set that is rejected on the current version': [
    done(0, 1, put('a'), item('a', 1n)),
    done(2, 3, cas(1n, 'b'), { kind: 'mismatch' }),
  ],
  'two deletes that delete the same item': [done(0, 1, put('a'), item('a', 1n)), done(2, 5, remove, deleted), done(2, 5, remove, deleted)],
  'an increment that is applied twice': [done(0, 1, increment(1), item(1, 1n)), done(2, 3, increment(1), item(3, 2n))],
  'a pending increment that is applied twice': [pending(0, increment(1)), done(1, 2, get, item(1, 1n)), done(3, 4, get, item(2, 2n))],
  'two increments with the same result': [done(0, 5, increment(1), item(1, 1n)), done(0, 5, increment(1), item(1, 2n))],
  'a put with a smaller version': [done(0, 1, put('a'), item('a', 5n)), done(2, 3, put('b'), item('b', 4n))],
  'a version that is reused after a delete': [
    done(0, 1, put('a'), item('a', 5n)),
    done(2, 3, remove, deleted),
    done(4, 5, put('b'), item('b', 5n)),
  ],
  'a version that changes without a write': [
    done(0, 1, put('a'), item('a', 1n)),
    done(2, 3, get, item('a', 1n)),
    done(4, 5, get, item('a', 2n)),
  ],
  'a pending put that takes effect before its call': [done(0, 1, get, item('a', 1n)), pending(2, put('a'))],
}

describe('the checker accepts', () => {
  test.each(Object.entries(linearizable))('%s', (_name, history) => {
    expect(explainViolation('k', history, itemModel)).toBe(undefined)
    expect(hasOrder(history, itemModel)).toBe(true)
  })
})

describe('the checker rejects', () => {
  test.each(Object.entries(notLinearizable))('%s', (_name, history) => {
    expect(checkLinearizable(history, itemModel).linearizable).toBe(false)
    expect(hasOrder(history, itemModel)).toBe(false)
  })
})

test('the checker rejects a smaller version after a delete', () => {
  const history = [done(0, 1, put('a'), item('a', 5n)), done(2, 3, remove, deleted), done(4, 5, put('b'), item('b', 4n))]
  expect(checkLinearizable(history, itemModel).linearizable).toBe(false)
})

test('the checker accepts histories of a correct object, however their operations overlap', () => {
  fc.assert(
    fc.property(linearizableHistory(50), (history) => checkLinearizable(history, itemModel).linearizable),
    { numRuns: 300 },
  )
})

test('the checker agrees with a search through all orders', () => {
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

test('the explanation of a violation shows the first response that cannot be correct', () => {
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
