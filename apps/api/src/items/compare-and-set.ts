import type { OperationContext } from '../http/operation-context.js'
import type { Replayable } from '../idempotency/idempotency-key.js'
import { createKeyOrder } from '../lib/key-order.js'
import { QueueFull, Raced } from '../postgres/errors.js'
import { retryRaced } from '../postgres/retry.js'
import { holds } from './conditions.js'
import type { ItemBatchers } from './item-batchers.js'
import { expiresAtPast, preconditionFailed, tooLarge } from './item-errors.js'
import type { Conditions } from './operation.js'
import type { ItemRow } from './sql/item-row.js'
import { itemName } from './write-batcher.js'

/** How many changes may wait. Each is a read and a write, and those of one key run one after another. */
const waitingMax = 2_000

/** A change of an item to a value that is computed from its current one. */
export interface ItemChange extends Conditions {
  readonly key: string
  readonly ttl: number | null
  readonly expiresAt: string | null
  readonly keepTtl: boolean
  readonly wantValue: boolean
  /** The namespace's limit on the size of the value, if it has one. */
  readonly valueBytesMax?: number | undefined
}

/** Computes the JSON text of the new value of an item. It rejects the change by throwing. */
export type ComputeValue = (item: ItemRow & { readonly value: string }) => string

/**
 * Creates a function that changes an item to a value computed from its current one. It writes the new value on the condition that the item
 * still has the version that was read, and starts again if it has not. Changes of one key run one after another, so that those of this
 * process do not race each other.
 *
 * The function resolves with the written row, or undefined if the item does not exist.
 */
export const createCompareAndSet = (batchers: ItemBatchers, valueBytesMax: number) => {
  const order = createKeyOrder()
  let waiting = 0

  const changeOnce = async (context: OperationContext, change: ItemChange, compute: ComputeValue) => {
    const item = await batchers.get(context, change)
    if (item === undefined || item.value === null) return undefined
    if (!holds(change, item.version)) throw preconditionFailed(item.version)
    const text = compute({ ...item, value: item.value })
    if (change.valueBytesMax !== undefined && Buffer.byteLength(text) > change.valueBytesMax) throw tooLarge(change.valueBytesMax)
    const row = await batchers.replace(context, { ...change, value: text, ifMatch: item.version, ifNoneMatch: null })
    // The record of an earlier request may be of another statement, such as the one that created the item.
    if (row.replayed === true || row.outcome === 'replaced') return row as ItemRow & Replayable
    if (row.outcome === 'too_large') throw tooLarge(valueBytesMax)
    if (row.outcome === 'expires_at_past') throw expiresAtPast()
    throw new Raced()
  }

  return async (context: OperationContext, change: ItemChange, compute: ComputeValue): Promise<(ItemRow & Replayable) | undefined> => {
    if (waiting >= waitingMax) throw new QueueFull()
    waiting++
    const name = itemName(context, change)
    await new Promise<void>((start) => order.arrive(name, start))
    try {
      return await retryRaced(context.deadline, () => changeOnce(context, change, compute))
    } finally {
      waiting--
      order.leave(name)
    }
  }
}

/** Changes an item to a value computed from its current one. */
export type CompareAndSet = ReturnType<typeof createCompareAndSet>
