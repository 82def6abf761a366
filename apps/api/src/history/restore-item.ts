import { requireScope } from '../api-keys/authorize.js'
import { ApiError } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import type { Once } from '../idempotency/run-once.js'
import type { ItemStore } from '../items/item-store.js'
import type { PutOperation } from '../items/operation.js'
import type { ItemRow } from '../items/sql/item-row.js'
import { type StoredItem, toWritten, type Written } from '../items/stored-item.js'
import type { ItemVersions } from './item-versions.js'

/** Writes the value of a version again. */
interface RestoreOperation extends Omit<PutOperation, 'op' | 'value'> {
  readonly version: string
}

/** @throws ApiError version_not_kept, and the errors of a put */
export type RestoreItem = (context: OperationContext, operation: RestoreOperation) => Promise<Written>

/**
 * Creates the function that restores a version of an item. A version never changes, so it can be read before the put. If it is not kept any
 * more, an earlier request with the same Idempotency-Key may still have restored it.
 * @param store the store with the limits that every write passes
 */
export const createRestoreItem =
  (store: ItemStore, versions: ItemVersions, once: Once): RestoreItem =>
  async (context, { version, ...put }) => {
    if (context.caller !== undefined) requireScope(context.caller, 'read')
    let item: StoredItem
    try {
      item = await versions.get(context, put.key, version)
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'version_not_kept') throw error
      const row = await once<ItemRow & Replayable & { readonly outcome?: string }>(context, () => Promise.reject(error))
      return toWritten(row)
    }
    return store.run(context, { ...put, op: 'put', value: item.value?.text ?? 'null' })
  }
