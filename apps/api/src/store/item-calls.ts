import { deadlines } from '../database/deadlines.js'
import { DatabaseConflict, DatabaseOverloaded, DatabaseUnavailable, OutcomeUnknown, type Pool } from '../database/pool.js'
import { createCoalescer } from './coalescer.js'
import { createKeyOrder } from './key-order.js'
import { type DeleteRow, deleteItems } from './sql/delete-items.js'
import { getItems, type LiveRow } from './sql/get-items.js'
import { type PutRow, putItems } from './sql/put-items.js'
import { type TouchRow, touchItems } from './sql/touch-items.js'
import { createItems, type UpsertItems, type UpsertRow, upsertItems } from './sql/upsert-items.js'

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

/** A write of an item, whatever is there. */
interface UpsertCall extends ItemAddress {
  /** JSON object whose member `value` is stored, to the letter. */
  readonly body: string
  /** Seconds. */
  readonly ttl: number | null
  /** Whether the answer needs the value. */
  readonly wantValue: boolean
}

export interface PutCall extends UpsertCall, Conditions {
  /** RFC 3339. */
  readonly expiresAt: string | null
  readonly keepTtl: boolean
}

/** A change of an item's expiry; neither a ttl nor a time makes it permanent. */
export type TouchCall = Omit<PutCall, 'body' | 'keepTtl'>

/** The coalesced statements of single items. Each resolves with the row of its call. */
export interface ItemCalls {
  readonly get: (call: ItemAddress, deadline: number) => Promise<LiveRow | undefined>
  /** Answers no row where one is there that expired. */
  readonly upsert: (call: UpsertCall, deadline: number) => Promise<UpsertRow | undefined>
  /** Answers no row where a live one is there. */
  readonly create: (call: UpsertCall, deadline: number) => Promise<UpsertRow | undefined>
  /** Takes If-Match, hence creates nothing. */
  readonly replace: (call: PutCall, deadline: number) => Promise<PutRow>
  /** Takes any put, each in a statement of its own: locking some items and creating others in one could deadlock. */
  readonly putAlone: (call: PutCall, deadline: number) => Promise<PutRow>
  readonly touch: (call: TouchCall, deadline: number) => Promise<TouchRow>
  readonly delete: (call: ItemAddress & Conditions, deadline: number) => Promise<DeleteRow>
}

/** How many calls of a kind may wait. */
export const waitingMax = 2_000

/** Two statements of each kind: while one waits for its commit the next is worked on, and more would only make batches smaller. */
const common = {
  statementsMax: 2,
  callsMax: 128,
  bytesMax: 4 * 1_048_576,
  waitingMax,
  waitingBytesMax: 128 * 1_048_576,
  // What a statement needs that has to wait for a lock and is then given up.
  roomMs: deadlines.lock + 500,
  refusal: (reason: string) => new DatabaseOverloaded(reason),
  isFault: (error: unknown) =>
    error instanceof DatabaseConflict ||
    !(error instanceof DatabaseUnavailable || error instanceof DatabaseOverloaded || error instanceof OutcomeUnknown),
}

/** One text for an item, whichever namespace it is in: no namespace has a slash. */
export const itemName = ({ namespace, key }: ItemAddress): string => `${namespace}/${key}`

/** The rows of a statement in the order of the calls that they answer. Looks in maps of keys: one more text made for each row would cost as much as all else here. */
const byAddress = <Row extends ItemAddress>(calls: readonly ItemAddress[], rows: readonly Row[]): (Row | undefined)[] => {
  const namespaces = new Map<string, Map<string, Row>>()
  for (const row of rows) {
    const keys = namespaces.get(row.namespace)
    if (keys === undefined) namespaces.set(row.namespace, new Map([[row.key, row]]))
    else keys.set(row.key, row)
  }
  return calls.map(({ namespace, key }) => namespaces.get(namespace)?.get(key))
}

/** Reads items: a statement for each namespace among the calls, all on their way together. */
const readItems = async (pool: Pool, calls: readonly ItemAddress[], deadline: number): Promise<(LiveRow | undefined)[]> => {
  const readNamespace = ([namespace, group]: [string, readonly ItemAddress[]]) =>
    pool.run(getItems, { namespace, keys: group.map(({ key }) => key) }, deadline)
  return byAddress(calls, (await Promise.all([...Map.groupBy(calls, ({ namespace }) => namespace)].map(readNamespace))).flat())
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

const upsertArrays = (calls: readonly UpsertCall[]): UpsertItems => ({
  ...addresses(calls),
  bodies: calls.map(({ body }) => body),
  ttls: calls.map(({ ttl }) => ttl),
  wantValues: calls.some(({ wantValue }) => wantValue),
})

const expiries = (calls: readonly TouchCall[]) => ({
  ttls: calls.map(({ ttl }) => ttl),
  expiresAts: calls.map(({ expiresAt }) => expiresAt),
  wantValues: calls.map(({ wantValue }) => wantValue),
})

const putArrays = (calls: readonly PutCall[]) => ({
  ...addresses(calls),
  ...conditions(calls),
  ...expiries(calls),
  bodies: calls.map(({ body }) => body),
  keepTtls: calls.map(({ keepTtl }) => keepTtl),
})

const bytesOfBody = ({ body }: UpsertCall): number => body.length

/** The coalescers of one database, a kind of call each. */
export const createItemCalls = (pool: Pool, valueBytesMax: number): ItemCalls => {
  const keyed = { order: createKeyOrder(), keyOf: itemName }
  const upsert = (statement: typeof upsertItems) =>
    createCoalescer<UpsertCall, UpsertRow | undefined>({
      ...common,
      keyed,
      bytesOf: bytesOfBody,
      run: async (calls, deadline) => byAddress(calls, await pool.run(statement, upsertArrays(calls), deadline, retriesConflicts(calls))),
    })
  const put = (bounds: { callsMax: number }) =>
    createCoalescer<PutCall, PutRow>({
      ...common,
      ...bounds,
      keyed,
      bytesOf: bytesOfBody,
      run: async (calls, deadline) => {
        const rows = await pool.run(putItems, { ...putArrays(calls), valueBytesMax }, deadline, retriesConflicts(calls))
        return each(inOrder(calls.length, rows))
      },
    })
  return {
    get: createCoalescer<ItemAddress, LiveRow | undefined>({
      ...common,
      run: (calls, deadline) => readItems(pool, calls, deadline),
    }),
    upsert: upsert(upsertItems),
    create: upsert(createItems),
    replace: put({ callsMax: common.callsMax }),
    putAlone: put({ callsMax: 1 }),
    touch: createCoalescer<TouchCall, TouchRow>({
      ...common,
      keyed,
      run: async (calls, deadline) => {
        const rows = await pool.run(
          touchItems,
          { ...addresses(calls), ...conditions(calls), ...expiries(calls) },
          deadline,
          retriesConflicts(calls),
        )
        return each(inOrder(calls.length, rows))
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
