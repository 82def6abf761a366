import fc from 'fast-check'
import type { Operation, OperationResponse, Request } from '../../src/history/operation.ts'

/** The state of a key in a sequential implementation. */
interface Cell {
  value: unknown
  live: boolean
  version: bigint
  created: bigint
}

const write = (cell: Cell, value: unknown): OperationResponse => {
  const version = cell.version + 1n
  Object.assign(cell, { value, live: true, version, created: cell.live ? cell.created : version })
  return { kind: 'item', value, version, created: cell.created }
}

const mismatch = ({ live, version }: Cell): OperationResponse => ({ kind: 'mismatch', version: live ? version : null })

/** Performs a request. Returns undefined if the request is invalid for the value. */
const perform = (cell: Cell, request: Request): OperationResponse | undefined => {
  switch (request.kind) {
    case 'get':
      return cell.live ? { kind: 'item', value: cell.value, version: cell.version, created: cell.created } : { kind: 'none' }
    case 'put':
      return write(cell, request.value)
    case 'cas':
      return (cell.live ? cell.version : null) === request.expected ? write(cell, request.value) : mismatch(cell)
    case 'delete': {
      const { live } = cell
      Object.assign(cell, { live: false, value: undefined })
      return { kind: live ? 'deleted' : 'none' }
    }
    case 'increment': {
      const before = cell.live ? cell.value : 0
      return typeof before === 'number' ? write(cell, before + request.by) : undefined
    }
  }
}

const value = fc.integer({ min: 0, max: 3 })
const request: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ kind: fc.constant('get' as const) }),
  fc.record({ kind: fc.constant('put' as const), value }),
  fc.record({
    kind: fc.constant('cas' as const),
    expected: fc.option(
      fc.integer({ min: 1, max: 4 }).map((version) => BigInt(version)),
      { nil: null },
    ),
    value,
  }),
  fc.record({ kind: fc.constant('delete' as const) }),
  fc.record({ kind: fc.constant('increment' as const), by: fc.integer({ min: 1, max: 2 }) }),
)

/**
 * The timing of an operation: the time from its call to its effect and from its effect to its return, and
 * whether its response or its effect is lost.
 */
const timing = fc.record({
  before: fc.integer({ min: 0, max: 30 }),
  after: fc.integer({ min: 0, max: 30 }),
  lost: fc.oneof({ weight: 8, arbitrary: fc.constant('nothing') }, { weight: 1, arbitrary: fc.constantFrom('response', 'effect') }),
})

/** Histories of a correct object. The effects are 10 time units apart, and the operations may overlap. */
export const linearizableHistory = (maxLength: number): fc.Arbitrary<Operation[]> =>
  fc.array(fc.tuple(request, timing), { maxLength, size: 'max' }).map((steps) => {
    const cell: Cell = { value: undefined, live: false, version: 0n, created: 0n }
    return steps.flatMap(([each, { before, after, lost }], client): Operation[] => {
      const at = client * 10
      const called = at - before - client / 1_000
      const response = lost === 'effect' ? undefined : perform(cell, each)
      if (response === undefined || lost === 'response') return [{ client, request: each, called }]
      return [{ client, request: each, called, returned: at + after + client / 1_000, response }]
    })
  })

/** Histories of a correct object in which some responses are swapped, so that most are not linearizable. */
export const anyHistory = (maxLength: number): fc.Arbitrary<Operation[]> =>
  fc.tuple(linearizableHistory(maxLength), fc.array(fc.nat(), { maxLength: 4 })).map(([history, indexes]) => {
    const completed = history.filter(({ response }) => response !== undefined)
    const responses = new Map(completed.map((operation) => [operation, operation.response]))
    for (const index of indexes) {
      const [a, b] = [completed[index % completed.length], completed[(index + 1) % completed.length]]
      if (a === undefined || b === undefined) continue
      const swapped = responses.get(a)
      responses.set(a, responses.get(b))
      responses.set(b, swapped)
    }
    return history.map((operation) => ({ ...operation, response: responses.get(operation) }))
  })
