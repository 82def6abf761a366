import { deadlines } from '../database/deadlines.js'
import { DatabaseConflict, DatabaseOverloaded, DatabaseUnavailable, OutcomeUnknown, type Pool } from '../database/pool.js'
import type { Statement } from '../database/statement.js'
import { createCoalescer } from './coalescer.js'
import { keyReused, type RecordedRefusal, recordedRefusal } from './idempotency.js'
import { createKeyOrder } from './key-order.js'
import { type DeleteItems, type DeleteRow, deleteItems } from './sql/delete-items.js'
import { getItems, type LiveRow } from './sql/get-items.js'
import { type PutItems, type PutRow, putItems } from './sql/put-items.js'
import type { RecordedRow, Records } from './sql/recordable.js'
import { type TouchItems, type TouchRow, touchItems } from './sql/touch-items.js'
import { createItems, type UpsertItems, type UpsertRow, upsertItems } from './sql/upsert-items.js'

/** The item that a call is about. */
interface ItemAddress {
  readonly namespace: string
  readonly key: string
}

/** Makes a write one that is applied once. */
export interface WriteRecord {
  /** A digest of the caller, the namespace and the caller's Idempotency-Key. */
  readonly id: string
  /** A digest of the request. */
  readonly fingerprint: string
}

interface Write extends ItemAddress {
  readonly record?: WriteRecord | undefined
}

/** Whether a row is that of an earlier request with the same Idempotency-Key. */
export interface Replayable {
  readonly replayed?: boolean
}

/** Conditions of a write: `*`, or versions with commas between. */
interface Conditions {
  readonly ifMatch: string | null
  readonly ifNoneMatch: string | null
}

/** A write of an item, whatever is there. */
interface UpsertCall extends Write {
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

export type DeleteCall = Write & Conditions

/** The coalesced statements of single items. Each resolves with the row of its call. */
export interface ItemCalls {
  readonly get: (call: ItemAddress, deadline: number) => Promise<LiveRow | undefined>
  /** Answers no row where one is there that expired. */
  readonly upsert: (call: UpsertCall, deadline: number) => Promise<(UpsertRow & Replayable) | undefined>
  /** Answers no row where a live one is there. */
  readonly create: (call: UpsertCall, deadline: number) => Promise<(UpsertRow & Replayable) | undefined>
  /** Takes If-Match, hence creates nothing. */
  readonly replace: (call: PutCall, deadline: number) => Promise<PutRow & Replayable>
  /** Takes any put, each in a statement of its own: locking some items and creating others in one could deadlock. */
  readonly putAlone: (call: PutCall, deadline: number) => Promise<PutRow & Replayable>
  readonly touch: (call: TouchCall, deadline: number) => Promise<TouchRow & Replayable>
  readonly delete: (call: DeleteCall, deadline: number) => Promise<DeleteRow & Replayable>
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

/** The rows of a statement in the order of the calls that they answer, by namespace and key. */
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
const inOrder = <Row extends { readonly ordinal: number }>(calls: readonly unknown[], rows: readonly Row[]): (Row | undefined)[] => {
  const results = new Array<Row | undefined>(calls.length).fill(undefined)
  for (const row of rows) results[row.ordinal - 1] = row
  return results
}

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

const records = (calls: readonly Write[], recordSeconds: number): Records => ({
  recordIds: calls.map(({ record }) => record?.id ?? ''),
  fingerprints: calls.map(({ record }) => record?.fingerprint ?? ''),
  recordSeconds,
})

/** The row that a recorded write answers, from now or from then. */
const fromRecord = <Row>(recorded: RecordedRow | undefined): (Row & Replayable) | undefined => {
  if (recorded === undefined) return undefined
  if (!recorded.same) throw keyReused()
  const row: Row & { refused?: RecordedRefusal } = JSON.parse(recorded.answer)
  if (row.refused !== undefined) throw recordedRefusal(row.refused)
  return { ...row, replayed: recorded.replayed }
}

const definitely = <Row>(row: Row | undefined): Row => {
  if (row === undefined) throw new Error('a statement answered no row for one of its calls')
  return row
}

/** A statement that writes, as it is and with records. */
interface WriteStatement<Params, Row> {
  readonly plain: Statement<Params, Row>
  readonly recorded: Statement<Params & Records, RecordedRow>
}

/** How the calls of one kind become a statement. */
interface WriteKind<Call extends Write, Params, Row> {
  readonly statement: WriteStatement<Params, Row>
  readonly params: (calls: readonly Call[]) => Params
  /** The rows of the plain statement in the order of the calls. */
  readonly inOrder: (calls: readonly Call[], rows: readonly Row[]) => (Row | undefined)[]
  readonly bytesOf?: (call: Call) => number
  readonly callsMax?: number
}

type Settings = { readonly valueBytesMax: number; readonly recordSeconds: number }

/** The coalescers of one database, one for each kind of call, and one more for those of a kind that are recorded: what is not pays nothing for it. */
export const createItemCalls = (pool: Pool, { valueBytesMax, recordSeconds }: Settings): ItemCalls => {
  const keyed = { order: createKeyOrder(), keyOf: itemName }

  const write = <Call extends Write, Params extends object, Row>(kind: WriteKind<Call, Params, Row>) => {
    const { statement, params, bytesOf, callsMax = common.callsMax } = kind
    const options = { ...common, callsMax, keyed, ...(bytesOf === undefined ? {} : { bytesOf }) }
    const plain = createCoalescer<Call, Row | undefined>({
      ...options,
      run: async (calls, deadline) =>
        kind.inOrder(calls, await pool.run(statement.plain, params(calls), deadline, retriesConflicts(calls))),
    })
    const recorded = createCoalescer<Call, RecordedRow | undefined>({
      ...options,
      run: async (calls, deadline) => {
        const all = { ...params(calls), ...records(calls, recordSeconds) }
        return inOrder(calls, await pool.run(statement.recorded, all, deadline, retriesConflicts(calls)))
      },
    })
    return (call: Call, deadline: number): Promise<(Row & Replayable) | undefined> =>
      call.record === undefined
        ? (plain(call, deadline) as Promise<(Row & Replayable) | undefined>)
        : recorded(call, deadline).then(fromRecord<Row>)
  }

  const upsert = (statement: typeof upsertItems) =>
    write<UpsertCall, UpsertItems, UpsertRow>({ statement, params: upsertArrays, inOrder: byAddress, bytesOf: bytesOfBody })
  const put = (callsMax: number) => {
    const params = (calls: readonly PutCall[]) => ({ ...putArrays(calls), valueBytesMax })
    const run = write<PutCall, PutItems, PutRow>({ statement: putItems, params, inOrder, bytesOf: bytesOfBody, callsMax })
    return async (call: PutCall, deadline: number) => definitely(await run(call, deadline))
  }
  const touch = write<TouchCall, TouchItems, TouchRow>({
    statement: touchItems,
    params: (calls) => ({ ...addresses(calls), ...conditions(calls), ...expiries(calls) }),
    inOrder,
  })
  const remove = write<DeleteCall, DeleteItems, DeleteRow>({
    statement: deleteItems,
    params: (calls) => ({ ...addresses(calls), ...conditions(calls) }),
    inOrder,
  })

  return {
    get: createCoalescer<ItemAddress, LiveRow | undefined>({ ...common, run: (calls, deadline) => readItems(pool, calls, deadline) }),
    upsert: upsert(upsertItems),
    create: upsert(createItems),
    replace: put(common.callsMax),
    putAlone: put(1),
    touch: async (call, deadline) => definitely(await touch(call, deadline)),
    delete: async (call, deadline) => definitely(await remove(call, deadline)),
  }
}
