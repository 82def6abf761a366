import type { OperationContext } from '../http/operation-context.js'
import { itemListIdentity, readCursor, writeCursor } from '../items/cursor.js'
import { keyRange, nextKey } from '../items/key-range.js'
import type { ItemList } from '../items/list-items.js'
import type { ListOperation } from '../items/operation.js'
import { toItem } from '../items/stored-item.js'
import type { Pool } from '../postgres/pool.js'
import { futureTime, timeNotKept, versionNotKept } from './item-versions.js'
import { examinedKeysMax, type ItemAtRow, listItemsAt, listItemsAtDescending } from './sql/list-items-at.js'

/** A list whose time is set. */
type ListAtOperation = ListOperation & { readonly at: string }

/** A page without a single item is continued as long as this much time remains. Milliseconds. */
const minRemainingMs = 5_000

/** The entries of a page. `last` is the last key that was examined; null if the list ends with them. */
interface Examined {
  readonly entries: readonly ItemAtRow[]
  readonly last: string | null
}

/**
 * Checks that the history has the state of all keys at the time.
 * @throws ApiError version_not_kept, validation_failed
 */
const checkKept = (rows: readonly ItemAtRow[]): void => {
  const [row] = rows
  if (row === undefined) throw new Error('a statement returned no row')
  if (row.future) throw futureTime()
  if (!row.complete) throw timeNotKept()
  const unknown = rows.find(({ state }) => state === 'unknown')
  if (unknown === undefined) return
  throw versionNotKept(
    `The history does not have the state of the key ${JSON.stringify(unknown.key)} at this time, because of history_count. List another range of keys, or a later time.`,
  )
}

/**
 * Creates the function that lists the items of a namespace as of a time. A page ends early after many keys that had no item then, and if
 * its values are long.
 */
export const createListItemsAt = (pool: Pool) => {
  const examine = async (context: OperationContext, list: ListAtOperation, after: string | undefined): Promise<Examined> => {
    const { at, prefix, reverse, pageSize, wantValues } = list
    const { from: first, until } = keyRange(prefix)
    const start = after === undefined ? (reverse ? until : first) : reverse ? after : nextKey(after)
    const params = { namespace: context.namespace, at, first, until, start, pageSize, wantValues }
    const rows = await pool.runInLane('ranges', reverse ? listItemsAtDescending : listItemsAt, params, context)
    checkKept(rows)
    const last = rows.at(-1)
    const isFull = last?.key != null && last.ordinal >= examinedKeysMax
    return { entries: rows.filter(({ state }) => state === 'found'), last: isFull ? last.key : null }
  }

  const examineUntilFound = async (context: OperationContext, list: ListAtOperation, after: string | undefined): Promise<Examined> => {
    let examined = await examine(context, list, after)
    while (examined.entries.length === 0 && examined.last !== null && performance.now() < context.deadline - minRemainingMs) {
      examined = await examine(context, list, examined.last)
    }
    return examined
  }

  return async (context: OperationContext, list: ListAtOperation): Promise<ItemList> => {
    const { cursor, startAfter, pageSize, wantValues, prefix } = list
    const identity = itemListIdentity(context.namespace, list)
    const after = cursor === undefined ? startAfter : readCursor(identity, cursor)
    const { entries, last } = await examineUntilFound(context, list, after)
    const found = entries.flatMap((row) => (row.state === 'found' ? [toItem(row)] : []))
    const tooLong = wantValues ? found.findIndex(({ value }) => value === undefined) : -1
    const end = tooLong === -1 ? pageSize : Math.min(tooLong, pageSize)
    const items = found.slice(0, end)
    const next = found.length > end ? (items.at(-1)?.key ?? null) : last
    return { items, total: null, prefix, nextCursor: next === null ? null : writeCursor(identity, next), cut: false }
  }
}
