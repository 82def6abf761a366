import type { OperationContext } from '../http/operation-context.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import type { CompareAndSet } from './compare-and-set.js'
import type { ItemBatchers } from './item-batchers.js'
import { expiresAtPast, itemNotFound, preconditionFailed } from './item-errors.js'
import { mergePatch } from './merge-patch.js'
import type { PatchOperation, TouchOperation } from './operation.js'
import type { ItemRow } from './sql/item-row.js'

/** Creates the function that merges a patch into an item. */
export const createPatchItem =
  (compareAndSet: CompareAndSet) =>
  async (context: OperationContext, operation: PatchOperation): Promise<ItemRow & Replayable> => {
    const row = await compareAndSet(context, operation, ({ value }) => mergePatch(value, operation.patch))
    if (row === undefined) throw itemNotFound()
    return row
  }

/** Creates the function that changes when an item expires. */
export const createTouchItem =
  (batchers: ItemBatchers) =>
  async (context: OperationContext, operation: TouchOperation): Promise<ItemRow & Replayable> => {
    const row = await batchers.touch(context, operation)
    switch (row.outcome) {
      case 'touched':
        return row
      case 'missing':
        throw itemNotFound()
      case 'precondition_failed':
        throw preconditionFailed(row.version)
      case 'expires_at_past':
        throw expiresAtPast()
    }
  }
