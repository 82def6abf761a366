import type { IdempotencyKey } from '../idempotency/idempotency-key.js'
import { replayOf } from '../idempotency/run-once.js'
import type { RecordedRow, Records } from '../idempotency/sql/with-idempotency.js'
import { createBatcher } from '../lib/batcher.js'
import type { BatcherObserver } from '../lib/batcher-observer.js'
import type { KeyOrder } from '../lib/key-order.js'
import { deadlines } from '../postgres/deadlines.js'
import { DatabaseConflict, DatabaseOverloaded, DatabaseUnavailable, OutcomeUnknown, queueError } from '../postgres/errors.js'
import type { Pool } from '../postgres/pool.js'
import type { Statement } from '../postgres/statement.js'
import { inOrder } from './match-rows.js'
import { itemName, type Replayable, type Write } from './operation.js'

/** How many calls of a kind may wait: more than are admitted at a high throughput (`http/admission.ts`). */
const waitingMax = 20_000

/** What all batchers of statements share. Two statements of each kind: while one waits for its commit the next is worked on, and more would only make batches smaller. */
export const batchDefaults = {
  statementsMax: 2,
  callsMax: 128,
  bytesMax: 4 * 1_048_576,
  waitingMax,
  // What a statement needs that has to wait for a lock and is then given up.
  minRemainingMs: deadlines.lock + 500,
  rejection: queueError,
  isFault: (error: unknown) =>
    error instanceof DatabaseConflict ||
    !(error instanceof DatabaseUnavailable || error instanceof DatabaseOverloaded || error instanceof OutcomeUnknown),
}

/** A conflict of a batch is looked for among its members at once; that of one call is waited out. */
const retriesConflicts = (calls: readonly unknown[]): boolean => calls.length === 1

const records = (calls: readonly Write[], recordSeconds: number): Records => ({
  recordIds: calls.map(({ record }) => record?.id ?? ''),
  fingerprints: calls.map(({ record }) => record?.fingerprint ?? ''),
  recordSeconds,
})

/** The row that a recorded write answers, from now or from then. */
const fromRecord = <Row>(record: IdempotencyKey, recorded: RecordedRow | undefined): (Row & Replayable) | undefined => {
  if (recorded === undefined) return undefined
  const { response: result, fingerprint, format } = recorded
  if (fingerprint !== null && format !== null) return replayOf<Row>(record, { fingerprint, format, result })
  return { ...JSON.parse(result), replayed: false }
}

/** A statement that writes, as it is and with records. */
interface WriteStatement<Params, Row> {
  readonly plain: Statement<Params, Row>
  readonly recorded: Statement<Params & Records, RecordedRow>
}

/** What all kinds of writes are given. */
export interface WriteSettings {
  /** How long records are kept. */
  readonly recordSeconds: number
  /** Makes the observer of the calls of one kind. */
  readonly observe?: ((kind: string) => BatcherObserver) | undefined
}

/** How the calls of one kind become a statement. */
export interface WriteKind<Call extends Write, Params, Row> {
  /** For its observer. */
  readonly name: string
  readonly statement: WriteStatement<Params, Row>
  readonly params: (calls: readonly Call[]) => Params
  /** The rows of the plain statement in the order of the calls. */
  readonly inOrder: (calls: readonly Call[], rows: readonly Row[]) => (Row | undefined)[]
  readonly bytesOf?: (call: Call) => number
  readonly callsMax?: number
  /** Whether calls of one key may share a statement. */
  readonly shared?: boolean
}

/** Runs a write of one kind; resolves with its row. */
export type RunWrite<Call, Row> = (call: Call, deadline: number) => Promise<(Row & Replayable) | undefined>

/** Makes the two batchers of a kind of writes: one more for those that are recorded, so that what is not pays nothing for it. */
export const createWrite = <Call extends Write, Params extends object, Row>(
  pool: Pool,
  order: KeyOrder,
  { recordSeconds, observe }: WriteSettings,
  kind: WriteKind<Call, Params, Row>,
): RunWrite<Call, Row> => {
  const { statement, params, bytesOf, callsMax = batchDefaults.callsMax, shared = false } = kind
  const options = {
    ...batchDefaults,
    callsMax,
    keyed: { order, keyOf: itemName, shared },
    observe: observe?.(kind.name),
    ...(bytesOf === undefined ? {} : { bytesOf }),
  }
  const plain = createBatcher<Call, Row | undefined>({
    ...options,
    run: async (calls, deadline) => kind.inOrder(calls, await pool.run(statement.plain, params(calls), deadline, retriesConflicts(calls))),
  })
  const recorded = createBatcher<Call, RecordedRow | undefined>({
    ...options,
    run: async (calls, deadline) => {
      const all = { ...params(calls), ...records(calls, recordSeconds) }
      return inOrder(calls, await pool.run(statement.recorded, all, deadline, retriesConflicts(calls)))
    },
  })
  return (call, deadline) => {
    const { record } = call
    return record === undefined
      ? (plain(call, deadline) as Promise<(Row & Replayable) | undefined>)
      : recorded(call, deadline).then((row) => fromRecord<Row>(record, row))
  }
}
