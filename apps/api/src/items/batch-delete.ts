import type { ApiError } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import type { Once } from '../idempotency/run-once.js'
import { createBatchWrite } from './batch-write.js'
import { itemNotFound, preconditionFailed } from './item-errors.js'
import type { DeleteOperation } from './operation.js'
import { type DeleteItems, type DeleteRow, deleteItems, toDeleteItems } from './sql/delete-items.js'
import type { ItemDatabase } from './write-batcher.js'

const toOutcome = (row: DeleteRow): ApiError | undefined => {
  if (row.outcome === 'missing') return itemNotFound()
  return row.outcome === 'precondition_failed' ? preconditionFailed(row.version) : undefined
}

/** Creates the function that deletes several items in one statement. An outcome is the error of a delete, undefined if it succeeded. */
export const createBatchDelete = (database: ItemDatabase, once: Once) => {
  const run = createBatchWrite<DeleteItems, DeleteRow>(database, once, { name: 'batch_delete', statement: deleteItems.batch })
  return async (context: OperationContext, deletes: readonly DeleteOperation[]) => {
    const params = toDeleteItems(deletes.map((input) => ({ context, input })))
    const { outcomes, replayed } = await run(context, params)
    return { outcomes: outcomes.map(toOutcome), replayed: replayed === true }
  }
}
