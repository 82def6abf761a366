import { DatabaseConflict, DatabaseOverloaded, DatabaseUnavailable, deadlines, OutcomeUnknown, type Pool } from '../database/pool.js'
import { createCoalescer } from './coalescer.js'
import { createKeyOrder } from './key-order.js'
import { type DeleteRow, deleteItems } from './sql/delete-items.js'
import { getItems, type LiveRow } from './sql/get-items.js'
import { type PutRow, putItems } from './sql/put-items.js'

/** The item that a call is about. */
interface ItemAddress {
  readonly namespace: string
  readonly key: string
}

/** Conditions of a write: `*`, or versions with commas between. */
export interface Conditions {
  readonly ifMatch: string | null
  readonly ifNoneMatch: string | null
}

export interface PutCall extends ItemAddress, Conditions {
  /** JSON object whose member `value` is stored, to the letter. */
  readonly body: string
  /** Seconds. */
  readonly ttl: number | null
  /** RFC 3339. */
  readonly expiresAt: string | null
  readonly keepTtl: boolean
  /** Whether the answer needs the value. */
  readonly wantValue: boolean
}

/** The coalesced statements of single items. Each resolves with the row of its call. */
export interface ItemCalls {
  readonly get: (call: ItemAddress, deadline: number) => Promise<LiveRow | undefined>
  readonly put: (call: PutCall, deadline: number) => Promise<PutRow>
  readonly delete: (call: ItemAddress & Conditions, deadline: number) => Promise<DeleteRow>
}

/** Two statements of each kind: while one waits for its commit the next is worked on, and more would only make batches smaller. */
const common = {
  statementsMax: 2,
  callsMax: 128,
  bytesMax: 4 * 1_048_576,
  waitingMax: 2_000,
  // What a statement needs that has to wait for a lock and is then given up.
  roomMs: deadlines.lock + 500,
  refusal: (reason: string) => new DatabaseOverloaded(reason),
  isFault: (error: unknown) =>
    error instanceof DatabaseConflict ||
    !(error instanceof DatabaseUnavailable || error instanceof DatabaseOverloaded || error instanceof OutcomeUnknown),
}

const itemName = ({ namespace, key }: ItemAddress): string => `${namespace}/${key}`

/** Reads items: a statement for each namespace among the calls, all on their way together. */
const readItems = async (pool: Pool, calls: readonly ItemAddress[], deadline: number): Promise<(LiveRow | undefined)[]> => {
  const rows = new Map<string, LiveRow>()
  const ofNamespace = async ([namespace, group]: [string, readonly ItemAddress[]]) => {
    const keys = group.map(({ key }) => key)
    for (const row of await pool.run(getItems, { namespace, keys }, deadline)) rows.set(itemName({ namespace, key: row.key }), row)
  }
  await Promise.all([...Map.groupBy(calls, ({ namespace }) => namespace)].map(ofNamespace))
  return calls.map((call) => rows.get(itemName(call)))
}

/** The rows of a statement in the order of the calls that they answer, by their `ordinal`. */
const inOrder = <Row extends { readonly ordinal: number }>(calls: number, rows: readonly Row[]): (Row | undefined)[] => {
  const results = new Array<Row | undefined>(calls).fill(undefined)
  for (const row of rows) results[row.ordinal - 1] = row
  return results
}

const each = <Row>(rows: readonly (Row | undefined)[]): Row[] =>
  rows.map((row) => {
    if (row === undefined) throw new Error('a statement answered no row for one of its calls')
    return row
  })

const addresses = (calls: readonly ItemAddress[]) => ({
  namespaces: calls.map(({ namespace }) => namespace),
  keys: calls.map(({ key }) => key),
})

const conditions = (calls: readonly Conditions[]) => ({
  ifMatches: calls.map(({ ifMatch }) => ifMatch),
  ifNoneMatches: calls.map(({ ifNoneMatch }) => ifNoneMatch),
})

/** A conflict of a batch is looked for among its members at once; that of one call is waited out. */
const retriesConflicts = (calls: readonly unknown[]): boolean => calls.length === 1

export const createItemCalls = (pool: Pool, valueBytesMax: number): ItemCalls => {
  const keyed = { order: createKeyOrder(), keyOf: itemName }
  return {
    get: createCoalescer<ItemAddress, LiveRow | undefined>({
      ...common,
      run: (calls, deadline) => readItems(pool, calls, deadline),
    }),
    put: createCoalescer<PutCall, PutRow>({
      ...common,
      keyed,
      bytesOf: ({ body }) => body.length,
      run: async (calls, deadline) => {
        const arrays = {
          ...addresses(calls),
          ...conditions(calls),
          bodies: calls.map(({ body }) => body),
          ttls: calls.map(({ ttl }) => ttl),
          expiresAts: calls.map(({ expiresAt }) => expiresAt),
          keepTtls: calls.map(({ keepTtl }) => keepTtl),
          wantValues: calls.map(({ wantValue }) => wantValue),
          valueBytesMax,
        }
        return each(inOrder(calls.length, await pool.run(putItems, arrays, deadline, retriesConflicts(calls))))
      },
    }),
    delete: createCoalescer<ItemAddress & Conditions, DeleteRow>({
      ...common,
      keyed,
      run: async (calls, deadline) => {
        const arrays = { ...addresses(calls), ...conditions(calls) }
        return each(inOrder(calls.length, await pool.run(deleteItems, arrays, deadline, retriesConflicts(calls))))
      },
    }),
  }
}
