import type { Pool } from '../database/pool.js'
import type { StoreCall } from './item-call.js'
import { afterEntry, afterEveryKey, keyRange, nextKey } from './key-range.js'
import { foldItems } from './sql/fold-items.js'
import { listItems } from './sql/list-items.js'
import { type StoredItem, toItem } from './stored-item.js'

/** Which items to list. */
interface ItemRange {
  readonly prefix: string
  /** Begins after this key, or after all keys that are folded into this prefix. */
  readonly after: string | undefined
  /** Items and prefixes. */
  readonly pageSize: number
  readonly wantValues: boolean
  readonly wantTotal: boolean
}

/** One page of a list. */
interface FoundItems {
  readonly items: StoredItem[]
  /** What items were folded into; undefined where none may be. */
  readonly prefixes?: string[] | undefined
  /** Null where it was not wanted. */
  readonly total: number | null
  /** The last key or prefix, after which the next page begins; null on the last page. */
  readonly next: string | null
  /** Whether it has fewer items than were asked for, because their values are long; by number the next page would leave some out. */
  readonly cut: boolean
}

/** Reads of ranges of keys. */
export interface ItemRanges {
  /** A page counted from the beginning, which is the first one (`page` 1) or after `after`. */
  list: (call: StoreCall, list: ItemRange & { readonly page: number }) => Promise<FoundItems>
  /** A page in which the items that have the delimiter behind the prefix are folded into the text up to its first one's end. */
  fold: (call: StoreCall, list: ItemRange & { readonly delimiter: string }) => Promise<FoundItems>
}

const only = <Row>(rows: readonly Row[]): Row => {
  const [row] = rows
  if (row === undefined) throw new Error('a statement answered no row for its call')
  return row
}

const toTotal = (rows: readonly { readonly total: string | null }[]): number | null => {
  const { total } = only(rows)
  return total === null ? null : Number(total)
}

/** Where a page ends: after `pageSize` entries, or before the first whose value did not fit into the answer any more. */
const pageEnd = <Entry>(entries: readonly Entry[], pageSize: number, didNotFit: (entry: Entry) => boolean): number => {
  const place = entries.findIndex(didNotFit)
  return place === -1 ? pageSize : Math.min(place, pageSize)
}

/** The verbs of ranges of keys. */
export const createItemRanges = (pool: Pool): ItemRanges => ({
  list: async (call, { prefix, after, page, pageSize, wantValues, wantTotal }) => {
    const { from, until, whole } = keyRange(prefix)
    const arrays = {
      namespaces: [call.namespace],
      froms: [from],
      starts: [after === undefined ? from : nextKey(after)],
      untils: [until],
      wholes: [whole],
      pages: [page],
      pageSizes: [pageSize],
      wantValues: [wantValues],
      wantTotals: [wantTotal],
    }
    const rows = await pool.run(listItems, arrays, call.deadline)
    const found = rows.flatMap((row) => (row.key === null ? [] : [toItem(row)]))
    const end = pageEnd(found, pageSize, ({ value }) => wantValues && value === undefined)
    const items = found.slice(0, end)
    return {
      items,
      total: toTotal(rows),
      next: found.length > end ? (items.at(-1)?.key ?? null) : null,
      cut: end < pageSize && found.length > end,
    }
  },

  fold: async (call, { prefix, after, delimiter, pageSize, wantValues, wantTotal }) => {
    const { until, whole } = keyRange(prefix)
    const start = after === undefined ? prefix : afterEntry(after, prefix, delimiter)
    const fold = {
      namespace: call.namespace,
      prefix,
      start,
      until,
      whole,
      delimiter,
      beyond: afterEveryKey,
      pageSize,
      wantValues,
      wantTotal,
    }
    const rows = await pool.run(foldItems, fold, call.deadline)
    const end = pageEnd(rows, pageSize, (row) => wantValues && row.key !== null && row.value === null)
    const page = rows.slice(0, end)
    const items = page.flatMap((row) => (row.key === null ? [] : [toItem(row)]))
    const prefixes = page.flatMap(({ folded }) => (folded === null ? [] : [folded]))
    const last = rows.length > end ? page.at(-1) : undefined
    return { items, prefixes, total: toTotal(rows), next: last === undefined ? null : (last.folded ?? last.key), cut: false }
  },
})
