import { ApiError } from '../http/api-error.js'
import { createKeyOrder } from '../lib/key-order.js'
import { QueueFull } from '../postgres/errors.js'
import type { ItemCommands } from './item-commands.js'
import { expiresAtPast, preconditionFailed, tooLarge } from './item-errors.js'
import { itemName, type PutCall, type Replayable } from './operation.js'
import type { ItemRow } from './sql/item-row.js'

/** How many changes may wait: each is a read and a write, and those of one key take turns. */
const waitingMax = 2_000

/** What of an item is changed: all of a put but its body. */
export type CompareAndSetCall = Omit<PutCall, 'body'> & {
  /** Bytes that the value may have, where that is less than in other namespaces. */
  readonly valueBytesMax?: number | undefined
}

/** Makes the JSON text of the new value of an item; refuses by throwing. */
export type MakeValue = (item: ItemRow & { readonly value: string }) => string

/** Whether the conditions of a change fit a live item of this version (RFC 9110 section 13.2.2). */
const holds = ({ ifMatch, ifNoneMatch }: CompareAndSetCall, version: string): boolean => {
  const names = (condition: string): boolean => condition === '*' || condition.split(',').includes(version)
  return (ifMatch === null || names(ifMatch)) && (ifNoneMatch === null || !names(ifNoneMatch))
}

const overloaded = (): ApiError => new ApiError('overloaded', 'others kept writing this key', { retryAfterSeconds: 1 })

/**
 * Makes what changes a value by what it is. The new value is made here, from the text that was read, and written on the condition that
 * the item is still of the version that was read; where it is not, it is made again. Changes of one key take turns, so that those
 * of one service do not defeat each other.
 * @returns undefined where there is no item
 */
export const createCompareAndSet = (calls: ItemCommands, valueBytesMax: number) => {
  const order = createKeyOrder()
  let waiting = 0

  /** Writes the changed value; `raced` where another write came between. */
  const changeOnce = async (
    call: CompareAndSetCall,
    make: MakeValue,
    deadline: number,
  ): Promise<(ItemRow & Replayable) | undefined | 'raced'> => {
    const item = await calls.get(call, deadline)
    if (item === undefined || item.value === null) return undefined
    if (!holds(call, item.version)) throw preconditionFailed(item.version)
    const value = make({ ...item, value: item.value })
    if (call.valueBytesMax !== undefined && Buffer.byteLength(value) > call.valueBytesMax) throw tooLarge(call.valueBytesMax)
    const body = `{"value":${value}}`
    const row = await calls.replace({ ...call, body, ifMatch: item.version, ifNoneMatch: null }, deadline)
    // What was recorded may be of another statement, such as the one that created the item.
    if (row.replayed === true || row.outcome === 'replaced') return row as ItemRow & Replayable
    if (row.outcome === 'too_large') throw tooLarge(valueBytesMax)
    if (row.outcome === 'expires_at_past') throw expiresAtPast()
    return 'raced'
  }

  return async (call: CompareAndSetCall, make: MakeValue, deadline: number): Promise<(ItemRow & Replayable) | undefined> => {
    if (waiting >= waitingMax) throw new QueueFull()
    waiting++
    const name = itemName(call)
    await new Promise<void>((go) => order.arrive(name, go))
    try {
      for (;;) {
        const row = await changeOnce(call, make, deadline)
        if (row !== 'raced') return row
        if (performance.now() > deadline) throw overloaded()
      }
    } finally {
      waiting--
      order.leave(name)
    }
  }
}

/** Changes the value of an item. */
export type CompareAndSet = ReturnType<typeof createCompareAndSet>
