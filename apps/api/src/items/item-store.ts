import { createListItemsAt } from '../history/list-items-at.js'
import type { ApiError } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import { createOnce } from '../idempotency/run-once.js'
import type { JsonText } from '../lib/json-text.js'
import type { Transaction } from '../transactions/run-group.js'
import { createTransact } from '../transactions/transact.js'
import { createBatchDelete } from './batch-delete.js'
import { createBatchGet } from './batch-get.js'
import { type BatchPut, createBatchPut, type PutOutcome } from './batch-put.js'
import { createCompareAndSet } from './compare-and-set.js'
import type { DeletePrefix } from './delete-prefix.js'
import { createIncrementItem } from './increment-item.js'
import { createItemBatchers } from './item-batchers.js'
import { itemNotFound, preconditionFailed } from './item-errors.js'
import { createListItems, type ItemList } from './list-items.js'
import type { DeleteOperation, DeletePrefixOperation, GetOperation, ItemOperation, ListOperation } from './operation.js'
import { createPatchItem, createTouchItem } from './patch-item.js'
import { createPutItem } from './put-item.js'
import { type StoredItem, toItem, toWritten, type Written } from './stored-item.js'
import type { ItemDatabase } from './write-batcher.js'

/** The result of each operation. */
interface ItemResults {
  readonly get: { readonly item: StoredItem; readonly ttlRemaining: number | null }
  readonly put: Written
  readonly create: Written
  readonly patch: Written
  readonly touch: Written
  readonly increment: Written
  /** `item` is undefined unless it was wanted. */
  readonly delete: { readonly item: StoredItem | undefined; readonly replayed: boolean }
}

/** Everything that can be done to items. */
export interface ItemStore {
  /**
   * Runs one operation.
   * @throws ApiError item_not_found, precondition_failed, too_large, validation_failed, not_a_number, out_of_bounds, ttl_required
   */
  run: <Op extends ItemOperation>(context: OperationContext, operation: Op) => Promise<ItemResults[Op['op']]>
  /** Reads items at one instant, in the order of the operations; null if an item does not exist. @throws ApiError too_large */
  getMany: (context: OperationContext, operations: readonly GetOperation[]) => Promise<(StoredItem | null)[]>
  /** Writes several items. Each succeeds or fails by itself. No key may occur twice. */
  putMany: (context: OperationContext, batch: BatchPut) => Promise<{ outcomes: PutOutcome[]; replayed: boolean }>
  /** Deletes several items. Each succeeds or fails by itself; an outcome is the error, if there is one. No key may occur twice. */
  deleteMany: (
    context: OperationContext,
    operations: readonly DeleteOperation[],
  ) => Promise<{ outcomes: (ApiError | undefined)[]; replayed: boolean }>
  /**
   * Applies all operations of a transaction, or none.
   * @throws ApiError checks_failed, not_a_number, out_of_bounds, ttl_required, too_large, validation_failed
   */
  transact: (context: OperationContext, transaction: Transaction) => Promise<{ results: JsonText; replayed: boolean }>
  /** Lists a page of items. @throws ApiError validation_failed, overloaded, version_not_kept */
  list: (context: OperationContext, operation: ListOperation) => Promise<ItemList>
  /** Deletes all items with a prefix, in batches, and returns how many live ones there were. */
  deletePrefix: (context: OperationContext, operation: DeletePrefixOperation) => Promise<{ deleted: number; replayed: boolean }>
}

/** Creates the store: a function for each operation. Writes with an Idempotency-Key are applied once. */
export const createItemStore = (database: ItemDatabase, deletePrefix: DeletePrefix): ItemStore => {
  const batchers = createItemBatchers(database)
  const once = createOnce(database.pool, database.recordSeconds)
  const compareAndSet = createCompareAndSet(batchers, database.valueBytesMax)
  const putItem = createPutItem(batchers, database.valueBytesMax)
  const touchItem = createTouchItem(batchers)
  const patchItem = createPatchItem(compareAndSet)
  const incrementItem = createIncrementItem(batchers, compareAndSet)
  const listItems = createListItems(database.pool)
  const listItemsAt = createListItemsAt(database.pool)

  const operations: {
    readonly [Name in ItemOperation['op']]: (
      context: OperationContext,
      operation: Extract<ItemOperation, { readonly op: Name }>,
    ) => Promise<ItemResults[Name]>
  } = {
    get: async (context, operation) => {
      const row = await batchers.get(context, operation)
      if (row === undefined) throw itemNotFound()
      return { item: toItem(row), ttlRemaining: row.ttl_remaining }
    },
    put: async (context, operation) => toWritten(await once(context, () => putItem(context, operation))),
    create: async (context, operation) => {
      const put = { ...operation, ifMatch: null, ifNoneMatch: '*', keepTtl: false }
      return toWritten(await once(context, () => putItem(context, put)))
    },
    patch: async (context, operation) => toWritten(await once(context, () => patchItem(context, operation))),
    touch: async (context, operation) => toWritten(await once(context, () => touchItem(context, operation))),
    increment: async (context, operation) => toWritten(await once(context, () => incrementItem(context, operation))),
    delete: async (context, operation) => {
      const row = await once(context, async () => {
        const deleted = await batchers.delete(context, operation)
        if (deleted.outcome === 'missing') throw itemNotFound()
        if (deleted.outcome === 'precondition_failed') throw preconditionFailed(deleted.version)
        return deleted
      })
      // A record of a version that never returned the item has no value.
      return { item: row.value == null ? undefined : toItem(row), replayed: row.replayed === true }
    },
  }

  return {
    run: (context, operation) => {
      const run = operations[operation.op] as (context: OperationContext, operation: ItemOperation) => Promise<never>
      return run(context, operation)
    },
    getMany: createBatchGet(database.pool),
    putMany: createBatchPut(database, once),
    deleteMany: createBatchDelete(database, once),
    transact: createTransact(database, once),
    list: (context, operation) =>
      operation.at === undefined ? listItems(context, operation) : listItemsAt(context, { ...operation, at: operation.at }),
    deletePrefix: async (context, operation) => {
      const { deleted, replayed } = await once(context, () => deletePrefix(context, operation))
      return { deleted, replayed: replayed === true }
    },
  }
}
