import type { StoredItem } from '../items/stored-item.js'
import { toItem } from '../items/stored-item.js'
import { placeholderVersion } from './sql/lock-keys.js'
import type { LockedRow } from './sql/read-locked.js'
import type { WriteLocked } from './sql/write-locked.js'

/** The items of one namespace by key. */
type Items = Map<string, StoredItem>

/** The changes of a group to items and to the number of rows. */
type Changes = Omit<WriteLocked, 'transactionId' | 'recordIds' | 'fingerprints' | 'results' | 'recordSeconds'>

/** The live items among locked rows, as the transactions of a group change them in memory. */
export interface GroupState {
  /** Returns the items of a namespace, which the caller may change. */
  readonly items: (namespace: string) => Items
  /** Tells whether a live item was changed or deleted. */
  readonly hasChanges: () => boolean
  /** Returns how the rows change: written items are updated, and rows without an item are removed. */
  readonly changes: () => Changes
}

const isPlaceholder = ({ version }: LockedRow): boolean => version === placeholderVersion

/**
 * Creates the state from the locked rows.
 * @param now the time of the group, RFC 3339 in UTC
 */
export const createGroupState = (rows: readonly LockedRow[], now: string): GroupState => {
  const before = new Map<string, Items>()
  const after = new Map<string, Items>()
  const itemsOf = (state: Map<string, Items>, namespace: string): Items => {
    const items = state.get(namespace) ?? new Map()
    state.set(namespace, items)
    return items
  }
  for (const row of rows) {
    if (isPlaceholder(row)) continue
    const item = toItem(row)
    if (item.expires_at !== null && item.expires_at <= now) continue
    itemsOf(before, row.namespace).set(row.key, item)
    itemsOf(after, row.namespace).set(row.key, item)
  }
  const wasLive = ({ namespace, key }: LockedRow): boolean => before.get(namespace)?.has(key) === true
  const isLive = ({ namespace, key }: LockedRow): boolean => after.get(namespace)?.has(key) === true

  const written = () =>
    [...after].flatMap(([namespace, items]) =>
      [...items.values()].filter((item) => item !== before.get(namespace)?.get(item.key)).map((item) => ({ namespace, ...item })),
    )

  const rowsMore = (removed: readonly LockedRow[]): Map<string, number> => {
    const more = new Map<string, number>()
    const add = (namespace: string, count: number) => more.set(namespace, (more.get(namespace) ?? 0) + count)
    for (const row of rows) if (isPlaceholder(row)) add(row.namespace, 1)
    for (const { namespace } of removed) add(namespace, -1)
    for (const [namespace, count] of more) if (count === 0) more.delete(namespace)
    return more
  }

  return {
    items: (namespace) => itemsOf(after, namespace),
    hasChanges: () => written().length > 0 || rows.some((row) => wasLive(row) && !isLive(row)),
    changes: () => {
      const items = written()
      const removed = rows.filter((row) => !isLive(row) && (isPlaceholder(row) || wasLive(row)))
      const more = rowsMore(removed)
      return {
        namespaces: items.map(({ namespace }) => namespace),
        keys: items.map(({ key }) => key),
        values: items.map(({ value }) => value?.text ?? 'null'),
        versions: items.map(({ version }) => version),
        createdVersions: items.map(({ created_version }) => created_version),
        createdAts: items.map(({ created_at }) => created_at),
        updatedAts: items.map(({ updated_at }) => updated_at),
        expiresAts: items.map(({ expires_at }) => expires_at),
        removedNamespaces: removed.map(({ namespace }) => namespace),
        removedKeys: removed.map(({ key }) => key),
        countedNamespaces: [...more.keys()],
        rowsMore: [...more.values()],
      }
    },
  }
}
