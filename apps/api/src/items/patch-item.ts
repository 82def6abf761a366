import type { CompareAndSet } from './compare-and-set.js'
import type { ItemCommands } from './item-commands.js'
import { expiresAtPast, itemNotFound, preconditionFailed } from './item-errors.js'
import { mergePatch } from './merge-patch.js'
import type { Replayable, TouchCall } from './operation.js'
import type { ItemRow } from './sql/item-row.js'

/** A change of parts of an item. */
export interface PatchCall extends TouchCall {
  /** JSON text of a merge patch of the value (RFC 7396); undefined where the value stays. */
  readonly patch: string | undefined
  /** Whether the expiry stays. */
  readonly keepTtl: boolean
  /** Bytes that the value may have, where that is less than in other namespaces. */
  readonly valueBytesMax?: number | undefined
}

/** Makes the verb that changes parts of an item. */
export const createPatchItem = (calls: ItemCommands, compareAndSet: CompareAndSet) => {
  const touch = async (call: TouchCall, deadline: number): Promise<ItemRow & Replayable> => {
    const row = await calls.touch(call, deadline)
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

  return async (deadline: number, call: PatchCall): Promise<ItemRow & Replayable> => {
    const { patch } = call
    if (patch === undefined) return touch(call, deadline)
    const row = await compareAndSet(call, ({ value }) => mergePatch(value, patch), deadline)
    if (row === undefined) throw itemNotFound()
    return row
  }
}
