import { ApiError } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import type { Once } from '../idempotency/run-once.js'
import { createBatchWrite } from './batch-write.js'
import { expiresAtPast, preconditionFailed } from './item-errors.js'
import type { PutOperation } from './operation.js'
import { type StoredError, toPutItems } from './put-arrays.js'
import { type PutItems, type PutRow, putItems } from './sql/put-items.js'
import { type StoredItem, toItem } from './stored-item.js'
import type { ItemDatabase } from './write-batcher.js'

/** Several puts of one request. No key may occur twice. */
export interface BatchPut {
  readonly operations: readonly PutOperation[]
  /** The error of each put that must not be tried; undefined for the others. */
  readonly rejections?: readonly (ApiError | undefined)[]
  /** Whether items may be created. Default: true. */
  readonly mayCreate?: boolean
}

/** What became of one put: its item without the value, or why it was rejected. */
export type PutOutcome = { readonly created: boolean; readonly item: StoredItem } | ApiError

const toOutcome = (row: PutRow): PutOutcome => {
  switch (row.outcome) {
    case 'created':
    case 'replaced':
      return { created: row.outcome === 'created', item: toItem(row) }
    case 'precondition_failed':
      return preconditionFailed(row.version)
    case 'expires_at_past':
      return expiresAtPast(`body.items.${row.ordinal - 1}.expires_at`)
    case 'full':
      return namespaceFull()
    case 'refused': {
      const { code, message, details }: StoredError = JSON.parse(row.refusal)
      return new ApiError(code, message, details)
    }
  }
}

const namespaceFull = (): ApiError =>
  new ApiError('namespace_full', 'The namespace has no room for all items that the batch would create, so it created none of them.')

/** Creates the function that writes several items in one statement. */
export const createBatchPut = (database: ItemDatabase, once: Once) => {
  const run = createBatchWrite<PutItems, PutRow>(database, once, { name: 'batch_put', statement: putItems.batch })
  return async (context: OperationContext, batch: BatchPut) => {
    const { operations, rejections, mayCreate } = batch
    const calls = operations.map((input) => ({ context, input }))
    const params = toPutItems(calls, { valueBytesMax: database.valueBytesMax, rejections, mayCreate })
    const { outcomes, replayed } = await run(context, params)
    return { outcomes: outcomes.map(toOutcome), replayed: replayed === true }
  }
}
