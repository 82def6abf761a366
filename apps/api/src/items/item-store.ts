import { limits } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { IdempotencyKey } from '../idempotency/idempotency-key.js'
import { createOnce } from '../idempotency/run-once.js'
import { JsonText } from '../lib/json-text.js'
import type { RequestedExpiry } from '../namespaces/ttl-limits.js'
import type { Pool } from '../postgres/pool.js'
import { createTransact, type TransactionCall } from '../transactions/transact.js'
import { type BatchDelete, createBatchDelete } from './batch-delete.js'
import { type BatchPut, createBatchPut, type PutOutcome } from './batch-put.js'
import { createCompareAndSet } from './compare-and-set.js'
import type { DeletePrefix } from './delete-prefix.js'
import { createIncrementItem, type IncrementCall } from './increment-item.js'
import { createItemCommands } from './item-commands.js'
import { itemNotFound, preconditionFailed } from './item-errors.js'
import { createItemRanges, type ItemRanges } from './list-items.js'
import type { DeleteCall, PutCall } from './operation.js'
import type { OperationContext } from './operation-context.js'
import { createPatchItem, type PatchCall } from './patch-item.js'
import { createPutItem } from './put-item.js'
import { checkResponseSize } from './response-size.js'
import { batchGetItems } from './sql/batch-get-items.js'
import { type StoredItem, toItem } from './stored-item.js'
import type { WriteSettings } from './write-batcher.js'

/** A write of an item. */
export type ItemPut = Omit<PutCall, 'namespace'> & RequestedExpiry

/** A removal of an item. */
type ItemDeletion = Omit<DeleteCall, 'namespace'>

/** A change of parts of an item. */
type ItemPatch = Omit<PatchCall, 'namespace'> & RequestedExpiry

/** Several steps at once. */
type ItemTransaction = Omit<TransactionCall, 'namespace'>

/** An addition to a counter. */
type ItemIncrement = Omit<IncrementCall, 'namespace'>

export interface ItemStore extends ItemRanges {
  /** @throws ApiError item_not_found */
  get: (context: OperationContext, key: string) => Promise<{ item: StoredItem; ttlRemaining: number | null }>
  /** The items of the keys as they are at one instant, in their order. @throws ApiError too_large */
  getMany: (context: OperationContext, keys: readonly string[]) => Promise<(StoredItem | null)[]>
  /** @throws ApiError precondition_failed, too_large, validation_failed */
  put: (context: OperationContext, put: ItemPut) => Promise<{ created: boolean; item: StoredItem; replayed: boolean }>
  /** @throws ApiError item_not_found, precondition_failed, too_large, validation_failed */
  patch: (context: OperationContext, patch: ItemPatch) => Promise<{ item: StoredItem; replayed: boolean }>
  /** @throws ApiError precondition_failed, not_a_number, out_of_bounds, ttl_required */
  increment: (context: OperationContext, increment: ItemIncrement) => Promise<{ item: StoredItem; replayed: boolean }>
  /** Resolves with the deleted item if it is wanted. @throws ApiError item_not_found, precondition_failed */
  delete: (context: OperationContext, deletion: ItemDeletion) => Promise<{ item: StoredItem | undefined; replayed: boolean }>
  /** Writes several items, each whatever becomes of the others. */
  putMany: (context: OperationContext, batch: BatchPut) => Promise<{ outcomes: PutOutcome[]; replayed: boolean }>
  /** Deletes several items, each whatever becomes of the others. */
  deleteMany: (context: OperationContext, batch: BatchDelete) => Promise<{ outcomes: (ApiError | undefined)[]; replayed: boolean }>
  /** Removes all keys with a prefix, in batches; answers how many live items went. */
  deletePrefix: (
    context: OperationContext,
    prefix: string,
    record: IdempotencyKey | undefined,
  ) => Promise<{ deleted: number; replayed: boolean }>
  /** @throws ApiError checks_failed, not_a_number, out_of_bounds, ttl_required, too_large, validation_failed */
  transact: (context: OperationContext, transaction: ItemTransaction) => Promise<{ results: JsonText; replayed: boolean }>
}

/** Keys up to which a batch get is as short as a coalesced read. */
const shortBatchKeys = 128

/** What an item may do: expiry, versions and conditions. */
export const createItemStore = (
  pool: Pool,
  settings: WriteSettings & { readonly valueBytesMax: number },
  deletePrefix: DeletePrefix,
): ItemStore => {
  const calls = createItemCommands(pool, settings)
  const once = createOnce(pool, settings.recordSeconds)
  const putItem = createPutItem(calls, settings.valueBytesMax)
  const compareAndSet = createCompareAndSet(calls, settings.valueBytesMax)
  const patchItem = createPatchItem(calls, compareAndSet)
  const incrementItem = createIncrementItem(calls, compareAndSet)
  const transact = createTransact(pool, settings)
  const batchPut = createBatchPut(pool, settings)
  const batchDelete = createBatchDelete(pool, settings)

  return {
    get: async (context, key) => {
      const row = await calls.get({ namespace: context.namespace, key }, context.deadline)
      if (row === undefined) throw itemNotFound()
      return { item: toItem(row), ttlRemaining: row.ttl_remaining }
    },

    getMany: async (context, keys) => {
      const batch = { namespace: context.namespace, keys: [...new Set(keys)], bytesMax: limits.batchValueBytes }
      const short = batch.keys.length <= shortBatchKeys
      const rows = await (short
        ? pool.run(batchGetItems, batch, context.deadline)
        : pool.runInLane('ranges', batchGetItems, batch, context))
      if (rows.some(({ fits }) => !fits)) {
        throw new ApiError('too_large', `the values have more than ${limits.batchValueBytes} bytes together; ask for fewer at once`)
      }
      const found = new Map(rows.map((row) => [row.key, toItem(row)]))
      return checkResponseSize(keys.map((key) => found.get(key) ?? null))
    },

    put: async (context, put) => {
      const row = await once(put.record, context.deadline, () => putItem(context.deadline, { namespace: context.namespace, ...put }))
      return { created: row.outcome === 'created', item: toItem(row), replayed: row.replayed === true }
    },

    patch: async (context, patch) => {
      const row = await once(patch.record, context.deadline, () => patchItem(context.deadline, { namespace: context.namespace, ...patch }))
      return { item: toItem(row), replayed: row.replayed === true }
    },

    increment: async (context, increment) => {
      const row = await once(increment.record, context.deadline, () =>
        incrementItem(context.deadline, { namespace: context.namespace, ...increment }),
      )
      return { item: toItem(row), replayed: row.replayed === true }
    },

    delete: async (context, deletion) => {
      const row = await once(deletion.record, context.deadline, async () => {
        const responded = await calls.delete({ namespace: context.namespace, ...deletion }, context.deadline)
        if (responded.outcome === 'missing') throw itemNotFound()
        if (responded.outcome === 'precondition_failed') throw preconditionFailed(responded.version)
        return responded
      })
      // A record of a version that returned no item has no value.
      return { item: row.value == null ? undefined : toItem(row), replayed: row.replayed === true }
    },

    putMany: (context, batch) => batchPut(context.namespace, batch, context.deadline),
    deleteMany: (context, batch) => batchDelete(context.namespace, batch, context.deadline),

    deletePrefix: async (context, prefix, record) => {
      const { deleted, replayed } = await once(record, context.deadline, () => deletePrefix(context, prefix, record))
      return { deleted, replayed: replayed === true }
    },

    transact: async (context, transaction) => {
      const row = await once(transaction.record, context.deadline, () =>
        transact({ namespace: context.namespace, ...transaction }, context.deadline),
      )
      return { results: new JsonText(row.results), replayed: row.replayed === true }
    },

    ...createItemRanges(pool),
  }
}
