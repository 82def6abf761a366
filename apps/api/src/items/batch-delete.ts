import type { ApiError } from '../http/api-error.js'
import type { IdempotencyKey } from '../idempotency/idempotency-key.js'
import type { Pool } from '../postgres/pool.js'
import { createBatchWrite } from './batch-write.js'
import { itemNotFound, preconditionFailed } from './item-errors.js'
import { type DeleteItems, type DeleteRow, deleteItems } from './sql/delete-items.js'
import type { WriteSettings } from './write-batcher.js'

/** Several deletes of one request. No key may come twice. */
export interface BatchDelete {
  readonly deletes: readonly { readonly key: string; readonly ifMatch: string | null }[]
  /** Bytes of the request. */
  readonly bytes: number
  readonly record: IdempotencyKey | undefined
}

const toOutcome = (row: DeleteRow): ApiError | undefined => {
  if (row.outcome === 'missing') return itemNotFound()
  return row.outcome === 'precondition_failed' ? preconditionFailed(row.version) : undefined
}

/** Makes the verb that deletes several items, each whatever becomes of the others; returns why each was rejected, undefined if it was not. */
export const createBatchDelete = (pool: Pool, settings: WriteSettings) => {
  const run = createBatchWrite<DeleteItems, DeleteRow>(pool, settings, { name: 'batch_delete', statement: deleteItems.batch })

  return async (namespace: string, { deletes, bytes, record }: BatchDelete, deadline: number) => {
    const params = {
      namespaces: deletes.map(() => namespace),
      keys: deletes.map(({ key }) => key),
      ifMatches: deletes.map(({ ifMatch }) => ifMatch),
      ifNoneMatches: deletes.map(() => null),
      wantItems: deletes.map(() => false),
    }
    const { outcomes, replayed } = await run({ params, bytes, record }, deadline)
    return { outcomes: outcomes.map(toOutcome), replayed: replayed === true }
  }
}
