import { DatabaseOverloaded } from '../database/pool.js'
import { Refusal } from '../refusal.js'
import { type ItemCalls, itemName, type Replayable, type TouchCall, waitingMax } from './item-calls.js'
import { createKeyOrder } from './key-order.js'
import { mergePatch } from './merge-patch.js'
import { expiresAtPast, itemNotFound, preconditionFailed, tooLarge } from './outcomes.js'
import type { ItemRow } from './sql/item-row.js'

/** A change of parts of an item. */
export interface PatchCall extends TouchCall {
  /** JSON text of a merge patch of the value (RFC 7396); undefined where the value stays. */
  readonly patch: string | undefined
  /** Whether the expiry stays. */
  readonly keepTtl: boolean
}

/** Whether the conditions of a patch fit a live item of this version (RFC 9110 section 13.2.2). */
const holds = (condition: string | null, version: string): boolean =>
  condition === '*' || (condition?.split(',').includes(version) ?? false)

/**
 * Makes the verb that changes parts of an item. A patch of a value is made here, from the text that was read, and written on the
 * condition that the item is still of the version that was read; where it is not, it is made again. Patches of one key take turns, so
 * that those of one service do not defeat each other.
 */
export const createPatchItem = (calls: ItemCalls, valueBytesMax: number) => {
  const order = createKeyOrder()
  let waiting = 0

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

  /** Writes the patched value; undefined where another write came between. */
  const patchOnce = async (call: PatchCall, patch: string, deadline: number): Promise<(ItemRow & Replayable) | undefined> => {
    const { ifMatch, ifNoneMatch } = call
    const item = await calls.get(call, deadline)
    if (item?.value == null) throw itemNotFound()
    if ((ifMatch !== null && !holds(ifMatch, item.version)) || holds(ifNoneMatch, item.version)) throw preconditionFailed(item.version)
    const body = `{"value":${mergePatch(item.value, patch)}}`
    const row = await calls.replace({ ...call, body, ifMatch: item.version, ifNoneMatch: null }, deadline)
    if (row.outcome === 'replaced') return row
    if (row.outcome === 'too_large') throw tooLarge(valueBytesMax)
    if (row.outcome === 'expires_at_past') throw expiresAtPast()
    return undefined
  }

  const patchValue = async (call: PatchCall, patch: string, deadline: number): Promise<ItemRow & Replayable> => {
    for (;;) {
      const row = await patchOnce(call, patch, deadline)
      if (row !== undefined) return row
      if (performance.now() > deadline) throw new Refusal('overloaded', 'others kept writing this key', { retryAfterSeconds: 1 })
    }
  }

  return async (deadline: number, call: PatchCall): Promise<ItemRow & Replayable> => {
    const { patch } = call
    if (patch === undefined) return touch(call, deadline)
    if (waiting >= waitingMax) throw new DatabaseOverloaded('too many are waiting')
    waiting++
    const name = itemName(call)
    await new Promise<void>((go) => order.arrive(name, go))
    try {
      return await patchValue(call, patch, deadline)
    } finally {
      waiting--
      order.leave(name)
    }
  }
}
