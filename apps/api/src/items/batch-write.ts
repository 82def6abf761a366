import type { IdempotencyKey } from '../idempotency/idempotency-key.js'
import { createOnce, replayOf } from '../idempotency/run-once.js'
import type { BatchOutcomes, BatchRecord, BatchRow } from '../idempotency/sql/batch-with-idempotency.js'
import { createBatcher } from '../lib/batcher.js'
import type { Pool } from '../postgres/pool.js'
import type { Statement } from '../postgres/statement.js'
import type { Replayable } from './operation.js'
import { batchDefaults, type WriteSettings } from './write-batcher.js'

/** A batch of writes of one request. */
export interface BatchCall<Params> {
  readonly params: Params
  /** Bytes of the request. */
  readonly bytes: number
  readonly record: IdempotencyKey | undefined
}

/** Makes what runs the batches of one kind: each is one statement, and waits in a queue as other statements do. */
export const createBatchWrite = <Params extends object, Row>(
  pool: Pool,
  { recordSeconds, observe }: WriteSettings,
  kind: { readonly name: string; readonly statement: Statement<Params & BatchRecord, BatchRow> },
) => {
  const once = createOnce(pool, recordSeconds)

  const run = async ({ params, record }: BatchCall<Params>, deadline: number): Promise<BatchOutcomes<Row> & Replayable> => {
    const recording = { recordId: record?.id ?? null, fingerprint: record?.fingerprint ?? null, recordSeconds }
    const [row] = await pool.run(kind.statement, { ...params, ...recording }, deadline)
    if (row === undefined) throw new Error('a statement returned no row for its batch')
    const { result, fingerprint, format } = row
    if (record !== undefined && fingerprint !== null && format !== null) return replayOf(record, { result, fingerprint, format })
    return { ...JSON.parse(result), replayed: false }
  }

  const queue = createBatcher<BatchCall<Params>, BatchOutcomes<Row> & Replayable>({
    ...batchDefaults,
    callsMax: 1,
    bytesOf: ({ bytes }) => bytes,
    observe: observe?.(kind.name),
    run: async (calls, deadline) => Promise.all(calls.map((call) => run(call, deadline))),
  })

  return (call: BatchCall<Params>, deadline: number): Promise<BatchOutcomes<Row> & Replayable> =>
    once(call.record, deadline, () => queue(call, deadline))
}
