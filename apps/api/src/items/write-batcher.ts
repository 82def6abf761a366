import type { IdempotencyKey, OperationContext } from '../http/operation-context.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import { replayOf } from '../idempotency/run-once.js'
import type { RecordedRow, Records } from '../idempotency/sql/with-idempotency.js'
import { createBatcher } from '../lib/batcher.js'
import type { BatcherObserver } from '../lib/batcher-observer.js'
import type { KeyOrder } from '../lib/key-order.js'
import { DatabaseConflict, DatabaseOverloaded, DatabaseUnavailable, OutcomeUnknown, queueError } from '../postgres/errors.js'
import type { Pool } from '../postgres/pool.js'
import { lockMinRemainingMs } from '../postgres/retry.js'
import type { Statement } from '../postgres/statement.js'
import type { ItemCall } from './item-call.js'
import { inOrder } from './match-rows.js'
import type { PutInput } from './operation.js'

/** What the operations on items need of the service. */
export interface ItemDatabase {
  readonly pool: Pool
  /** Keeps the writes of a key in their order of arrival. */
  readonly order: KeyOrder
  /** Bytes of JSON text that a value may have. */
  readonly valueBytesMax: number
  /** How long idempotency records are kept. Seconds. */
  readonly recordSeconds: number
  /** Creates the observer of the batches of one kind. */
  readonly observe?: ((kind: string) => BatcherObserver) | undefined
}

/** How many calls of a kind may wait: more than are admitted at a high throughput (`http/overload/admission.ts`). */
const waitingMax = 20_000

/**
 * The options that all batchers have in common. Two statements of a kind run at the same time: one is worked on while the other waits for
 * its commit. More would only make the batches smaller.
 */
export const batchDefaults = {
  statementsMax: 2,
  callsMax: 128,
  bytesMax: 4 * 1_048_576,
  waitingMax,
  minRemainingMs: lockMinRemainingMs,
  rejection: queueError,
  isFault: (error: unknown) =>
    error instanceof DatabaseConflict ||
    !(error instanceof DatabaseUnavailable || error instanceof DatabaseOverloaded || error instanceof OutcomeUnknown),
}

/** The name of an item among those of all namespaces. The name of a namespace has no slash. */
export const itemName = ({ namespace }: OperationContext, { key }: { readonly key: string }): string => `${namespace}/${key}`

/** The size of a put in the queue. */
export const bytesOfValue = ({ value }: Pick<PutInput, 'value'>): number => value.length

/** The size of a request in a queue of whole requests. */
export const bytesOfBody = (_input: unknown, { bodyText }: OperationContext): number => bodyText?.length ?? 0

/** A conflict of a single call is retried. After a conflict of a batch its calls run one by one, to find those that are in conflict. */
export const retriesConflicts = (calls: readonly unknown[]): boolean => calls.length === 1

const toRecords = (calls: readonly ItemCall<unknown>[], recordSeconds: number): Records => ({
  recordIds: calls.map(({ context }) => context.idempotencyKey?.id ?? ''),
  fingerprints: calls.map(({ context }) => context.idempotencyKey?.fingerprint ?? ''),
  recordSeconds,
})

/** Returns the row of a recorded write, of this request or of an earlier one. */
const fromRecord = <Row>(key: IdempotencyKey, recorded: RecordedRow | undefined): (Row & Replayable) | undefined => {
  if (recorded === undefined) return undefined
  const { response: result, fingerprint, format } = recorded
  if (fingerprint !== null && format !== null) return replayOf<Row>(key, { fingerprint, format, result })
  return { ...JSON.parse(result), replayed: false }
}

/** How calls of one kind become a statement. */
export interface WriteKind<Input, Params, Row> {
  /** Names the kind in metrics and traces. */
  readonly name: string
  readonly statement: {
    readonly plain: Statement<Params, Row>
    /** The same, with an idempotency record for each call. */
    readonly recorded: Statement<Params & Records, RecordedRow>
  }
  readonly params: (calls: readonly ItemCall<Input>[]) => Params
  /** Puts the rows of the plain statement into the order of the calls. */
  readonly match: (calls: readonly ItemCall<Input>[], rows: readonly NoInfer<Row>[]) => (NoInfer<Row> | undefined)[]
  readonly bytesOf?: (input: Input) => number
  readonly callsMax?: number
  /** Whether a call may share a statement with others of its key. Default: no. */
  readonly isShared?: (input: Input) => boolean
}

/**
 * Creates a function that runs writes of one kind in batches, and resolves with the row of its call. It has two batchers, so that calls
 * without an Idempotency-Key do not pay for records.
 */
export const batchWrites = <Input extends { readonly key: string }, Params extends object, Row>(
  { pool, order, recordSeconds, observe }: ItemDatabase,
  kind: WriteKind<Input, Params, Row>,
): ((context: OperationContext, input: Input) => Promise<(Row & Replayable) | undefined>) => {
  const { statement, params, match, bytesOf, callsMax = batchDefaults.callsMax, isShared } = kind
  const options = {
    ...batchDefaults,
    callsMax,
    promptStatements: 1,
    keyed: { order, keyOf: itemName, isShared },
    observe: observe?.(kind.name),
    ...(bytesOf === undefined ? {} : { bytesOf }),
  }
  const plain = createBatcher<OperationContext, Input, Row | undefined>({
    ...options,
    run: async (calls, deadline) => match(calls, await pool.run(statement.plain, params(calls), deadline, retriesConflicts(calls))),
  })
  const recorded = createBatcher<OperationContext, Input, RecordedRow | undefined>({
    ...options,
    run: async (calls, deadline) => {
      const all = { ...params(calls), ...toRecords(calls, recordSeconds) }
      return inOrder(calls, await pool.run(statement.recorded, all, deadline, retriesConflicts(calls)))
    },
  })
  return (context, input) => {
    const key = context.idempotencyKey
    return key === undefined
      ? (plain(context, input) as Promise<(Row & Replayable) | undefined>)
      : recorded(context, input).then((row) => fromRecord<Row>(key, row))
  }
}
