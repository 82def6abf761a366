import { ApiError } from '../http/api-error.js'
import type { IdempotencyKey, OperationContext } from '../http/operation-context.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import { replayOf } from '../idempotency/run-once.js'
import { getRecord } from '../idempotency/sql/idempotency-records.js'
import { DatabaseOverloaded, DatabaseUnavailable } from '../postgres/errors.js'
import type { Pool } from '../postgres/pool.js'
import { keyRange } from './key-range.js'
import type { DeletePrefixOperation } from './operation.js'
import { beginDeletion, deleteRange } from './sql/delete-range.js'

/** How many rows one statement deletes. */
const batch = 1_000

type DeletionContext = Pick<OperationContext, 'namespace' | 'client' | 'deadline' | 'idempotencyKey'>

/** How many live items were deleted. */
type Deleted = { readonly deleted: number } & Replayable

/** The result in a record: how many items were deleted so far, or in total. */
interface Progress {
  readonly deleted: number
  readonly unfinished?: true
}

const unfinished = (deleted: number, cause?: unknown): ApiError =>
  new ApiError('outcome_unknown', `${deleted} items were deleted before the time ran out. Repeat the request to continue.`, { cause })

/**
 * Creates the function that deletes all keys with a prefix, in batches. The record of the request is written before the first batch and
 * updated by each. Retries therefore continue the same deletion, on any process, and a retry of a finished one deletes nothing that was
 * written since.
 */
export const createDeletePrefix = (pool: Pool, recordSeconds: number) => {
  const deleteAll = async (context: DeletionContext, prefix: string, recordId: string | null): Promise<number> => {
    const { namespace, deadline } = context
    const { from, until } = keyRange(prefix)
    let deleted = 0
    let first = from
    for (let batches = 0; ; batches++) {
      if (performance.now() > deadline) throw unfinished(deleted)
      const [row] = await pool
        .runInLane('removals', deleteRange, { namespace, first, until, limit: batch, recordId }, context)
        .catch((error) => {
          // Earlier batches were applied, this one was not.
          if (batches > 0 && (error instanceof DatabaseOverloaded || error instanceof DatabaseUnavailable)) throw unfinished(deleted, error)
          throw error
        })
      if (row === undefined) throw new Error('a statement returned no row')
      deleted += row.live
      if (row.last_key === null || row.removed < batch) return deleted
      first = row.last_key
    }
  }

  const readRecord = async (record: IdempotencyKey, deadline: number): Promise<(Progress & Replayable) | undefined> => {
    const [known] = await pool.run(getRecord, { recordId: record.id }, deadline)
    return known === undefined ? undefined : replayOf<Progress>(record, known)
  }

  return async (context: DeletionContext, { prefix }: Pick<DeletePrefixOperation, 'prefix'>): Promise<Deleted> => {
    const { deadline, idempotencyKey: record } = context
    if (record === undefined) return { deleted: await deleteAll(context, prefix, null) }
    const known = await readRecord(record, deadline)
    if (known !== undefined && known.unfinished !== true) return known
    const { id: recordId, fingerprint } = record
    const begun = known === undefined ? await pool.run(beginDeletion, { recordId, fingerprint, recordSeconds }, deadline) : []
    await deleteAll(context, prefix, recordId)
    const { deleted = 0 } = (await readRecord(record, deadline)) ?? {}
    return { deleted, replayed: begun.length === 0 }
  }
}

export type DeletePrefix = ReturnType<typeof createDeletePrefix>
