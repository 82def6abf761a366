import fc from 'fast-check'
import type { Answer, Operation, Request } from '../../src/history/operation.ts'

/** An item as one thread would keep it. */
interface Cell {
  value: unknown
  live: boolean
  version: bigint
  created: bigint
}

const write = (cell: Cell, value: unknown): Answer => {
  const version = cell.version + 1n
  Object.assign(cell, { value, live: true, version, created: cell.live ? cell.created : version })
  return { kind: 'item', value, version, created: cell.created }
}

const mismatch = ({ live, version }: Cell): Answer => ({ kind: 'mismatch', version: live ? version : null })

/** Carries a request out; undefined where it makes no sense on this value. */
const perform = (cell: Cell, request: Request): Answer | undefined => {
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

/** What becomes of an operation: how far its call and return lie from its effect, and whether its answer or its effect is lost. */
const fate = fc.record({
  before: fc.integer({ min: 0, max: 30 }),
  after: fc.integer({ min: 0, max: 30 }),
  lost: fc.oneof({ weight: 8, arbitrary: fc.constant('nothing') }, { weight: 1, arbitrary: fc.constantFrom('answer', 'effect') }),
})

/** Histories of a correct object: operations one after another, ten instants apart, each stretched over its effect. */
export const goodHistory = (maxLength: number): fc.Arbitrary<Operation[]> =>
  fc.array(fc.tuple(request, fate), { maxLength, size: 'max' }).map((steps) => {
    const cell: Cell = { value: undefined, live: false, version: 0n, created: 0n }
    return steps.flatMap(([each, { before, after, lost }], client): Operation[] => {
      const at = client * 10
      const called = at - before - client / 1_000
      const response = lost === 'effect' ? undefined : perform(cell, each)
      if (response === undefined || lost === 'answer') return [{ client, request: each, called }]
      return [{ client, request: each, called, returned: at + after + client / 1_000, response }]
    })
  })

/** Histories of which most are wrong: those of a correct object, with answers moved among operations. */
export const anyHistory = (maxLength: number): fc.Arbitrary<Operation[]> =>
  fc.tuple(goodHistory(maxLength), fc.array(fc.nat(), { maxLength: 4 })).map(([history, indexes]) => {
    const responded = history.filter(({ response }) => response !== undefined)
    const responses = new Map(responded.map((operation) => [operation, operation.response]))
    for (const index of indexes) {
      const [a, b] = [responded[index % responded.length], responded[(index + 1) % responded.length]]
      if (a === undefined || b === undefined) continue
      const kept = responses.get(a)
      responses.set(a, responses.get(b))
      responses.set(b, kept)
    }
    return history.map((operation) => ({ ...operation, response: responses.get(operation) }))
  })
