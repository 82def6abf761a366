import type { OperationContext } from '../http/operation-context.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import { type Once, replayOf } from '../idempotency/run-once.js'
import type { BatchOutcomes, BatchRecord, BatchRow } from '../idempotency/sql/batch-with-idempotency.js'
import { createBatcher } from '../lib/batcher.js'
import type { Statement } from '../postgres/statement.js'
import type { ItemCall } from './item-call.js'
import { batchDefaults, bytesOfBody, type ItemDatabase } from './write-batcher.js'

/**
 * Creates a function that runs the batches of one kind. Each batch is a statement of its own, which waits in a queue as other statements
 * do. The input is the parameters of the statement.
 */
export const createBatchWrite = <Params extends object, Row>(
  { pool, recordSeconds, observe }: ItemDatabase,
  once: Once,
  kind: { readonly name: string; readonly statement: Statement<Params & BatchRecord, BatchRow> },
) => {
  const run = async ({ context, input }: ItemCall<Params>, deadline: number): Promise<BatchOutcomes<Row> & Replayable> => {
    const key = context.idempotencyKey
    const record = { recordId: key?.id ?? null, fingerprint: key?.fingerprint ?? null, recordSeconds }
    const [row] = await pool.run(kind.statement, { ...input, ...record }, deadline)
    if (row === undefined) throw new Error('a statement returned no row for its batch')
    const { result, fingerprint, format } = row
    if (key !== undefined && fingerprint !== null && format !== null) return replayOf(key, { result, fingerprint, format })
    return { ...JSON.parse(result), replayed: false }
  }

  const queue = createBatcher<OperationContext, Params, BatchOutcomes<Row> & Replayable>({
    ...batchDefaults,
    callsMax: 1,
    bytesOf: bytesOfBody,
    observe: observe?.(kind.name),
    run: (calls, deadline) => Promise.all(calls.map((call) => run(call, deadline))),
  })
  return (context: OperationContext, params: Params): Promise<BatchOutcomes<Row> & Replayable> =>
    once(context, () => queue(context, params))
}
