import type { Pool } from '../database/pool.js'
import { Refusal } from '../refusal.js'
import { replayOf } from './idempotency.js'
import type { Replayable, WriteRecord } from './item-call.js'
import { keyRange } from './key-range.js'
import { deleteRange } from './sql/delete-range.js'
import { getRecord } from './sql/record-refusal.js'

/** How many rows one statement removes. */
const batch = 1_000

/** Live items that were removed. */
type Deleted = { readonly deleted: number } & Replayable

/**
 * Makes the verb that removes all keys with a prefix, batch after batch. The record of the request is written with the last one, so that a
 * repeat of what was done deletes nothing that was written since.
 */
export const createDeletePrefix = (pool: Pool, recordSeconds: number) => {
  const deleteAll = async (namespace: string, prefix: string, record: WriteRecord | undefined, deadline: number): Promise<Deleted> => {
    const { from, until } = keyRange(prefix)
    const recording = { recordId: record?.id ?? null, fingerprint: record?.fingerprint ?? null, recordSeconds }
    let deleted = 0
    let first = from
    for (;;) {
      if (performance.now() > deadline) {
        throw new Refusal('outcome_unknown', `${deleted} items were deleted before the time ran out; repeat the request to go on`)
      }
      const range = { namespace, first, until, limit: batch, ...recording, deletedBefore: deleted }
      const [row] = await pool.run(deleteRange, range, deadline)
      if (row === undefined) throw new Error('a statement answered no row for its call')
      deleted += row.live
      if (row.last_key === null || row.removed < batch) return { deleted }
      first = row.last_key
    }
  }

  return async (namespace: string, prefix: string, record: WriteRecord | undefined, deadline: number): Promise<Deleted> => {
    const [known] = record === undefined ? [] : await pool.run(getRecord, { recordId: record.id }, deadline)
    if (record !== undefined && known !== undefined) return replayOf<Deleted>(record, known)
    return deleteAll(namespace, prefix, record, deadline)
  }
}
