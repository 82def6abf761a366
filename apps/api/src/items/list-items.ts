import { limits } from '@holdfast/contracts'
import { ApiError, invalid } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import { DatabaseOverloaded, QueueFull } from '../postgres/errors.js'
import type { LaneName } from '../postgres/lanes.js'
import type { Pool } from '../postgres/pool.js'
import { itemListIdentity, readCursor, writeCursor } from './cursor.js'
import { afterEntry, afterEveryKey, keyRange, nextKey } from './key-range.js'
import type { ListOperation } from './operation.js'
import { groupItems, groupItemsDescending } from './sql/group-items.js'
import { listItems, listItemsDescending } from './sql/list-items.js'
import { type StoredItem, toItem } from './stored-item.js'

/** A page of a list. */
export interface ItemList {
  readonly items: StoredItem[]
  /** The groups; undefined if the list has no delimiter. */
  readonly prefixes?: string[] | undefined
  /** Null if it was not wanted. */
  readonly total: number | null
  /** The prefix that was listed. It is longer than the requested one if the API key is restricted to a prefix. */
  readonly prefix: string
  /** Continues the list after this page; null on the last one. */
  readonly nextCursor: string | null
  /** Whether the page has fewer items than requested, because their values are long. The next page by number would then skip some. */
  readonly cut: boolean
}

/** A page before its cursor is written. `next` is the last key or group of the page. */
type Page = Omit<ItemList, 'prefix' | 'nextCursor'> & { readonly next: string | null }

/** A list whose cursor has been read: it continues after this key or group. */
type ListRange = ListOperation & { readonly after: string | undefined }

const only = <Row>(rows: readonly Row[]): Row => {
  const [row] = rows
  if (row === undefined) throw new Error('a statement returned no row')
  return row
}

const toTotal = (rows: readonly { readonly total: string | null }[]): number | null => {
  const { total } = only(rows)
  return total === null ? null : Number(total)
}

/** Returns the number of entries on a page: `pageSize`, or fewer if the value of the next entry did not fit into the response. */
const pageEnd = <Entry>(entries: readonly Entry[], pageSize: number, didNotFit: (entry: Entry) => boolean): number => {
  const index = entries.findIndex(didNotFit)
  return index === -1 ? pageSize : Math.min(index, pageSize)
}

/** Rows that a page by number may pass over in the lane of bounded statements. */
const boundedOffset = 1_000

/** Whether a total was asked for, and has more rows than a bounded statement counts. */
const lacksTotal = ({ wantTotal }: Pick<ListOperation, 'wantTotal'>, rows: readonly { readonly total: string | null }[]): boolean =>
  wantTotal && only(rows).total === null

/** Returns the error of a list whose scan did not finish in time. */
const scanRejection = (error: unknown, wantTotal: boolean): unknown => {
  if (!(error instanceof DatabaseOverloaded) || error instanceof QueueFull || !wantTotal) return error
  return new ApiError('overloaded', 'The total could not be counted in time. Add `count=none`, or use a longer prefix.', {
    cause: error,
    retryAfterSeconds: 1,
  })
}

/** Creates the function that lists items. A bounded statement reads the page. If that is not enough, a scan reads it again. */
export const createListItems = (pool: Pool) => {
  /** Runs `run` in the lane of bounded statements, and as a scan if `suffices` does not hold. */
  const readBounded = async <Rows>(
    run: (lane: LaneName, bounded: boolean) => Promise<Rows>,
    suffices: (rows: Rows) => boolean,
    { wantTotal, scan = false }: { readonly wantTotal: boolean; readonly scan?: boolean },
  ): Promise<Rows> => {
    if (!scan) {
      const rows = await run('ranges', true)
      if (suffices(rows)) return rows
    }
    return run('scans', false).catch((error) => {
      throw scanRejection(error, wantTotal)
    })
  }

  /**
   * A page that pages by number do not reach: an empty one if the list ends before it.
   * @throws ApiError validation_failed
   */
  const pageBeyond = async (context: OperationContext, { prefix, page, pageSize, wantTotal }: ListRange): Promise<Page> => {
    const { from, until, whole } = keyRange(prefix)
    const first = {
      namespace: context.namespace,
      from,
      start: from,
      until,
      whole,
      page: 1,
      pageSize: 1,
      wantValues: false,
      wantTotal: true,
    }
    const total = toTotal(await pool.runInLane('ranges', listItems, { ...first, bounded: true }, context))
    if (total !== null && total <= (page - 1) * pageSize) return { items: [], total: wantTotal ? total : null, next: null, cut: false }
    const reached = `must not reach beyond item ${limits.pagedItems} (page × page_size)`
    throw invalid('query.page', `${reached}. Follow next_cursor from page to page instead: it costs the same at any depth.`)
  }

  const listPage = async (context: OperationContext, list: ListRange): Promise<Page> => {
    if (list.page * list.pageSize > limits.pagedItems) return pageBeyond(context, list)
    const { prefix, after, startAfter, reverse, page, pageSize, wantValues, wantTotal } = list
    const { from, until, whole } = keyRange(prefix)
    const last = after ?? startAfter
    const start = last === undefined ? (reverse ? until : from) : reverse ? last : nextKey(last)
    const statement = reverse ? listItemsDescending : listItems
    const params = { namespace: context.namespace, from, start, until, whole, page, pageSize, wantValues, wantTotal }
    const rows = await readBounded(
      (lane, bounded) => pool.runInLane(lane, statement, { ...params, bounded }, context),
      (found) => only(found).complete && !lacksTotal(list, found),
      { wantTotal: wantTotal && !whole, scan: (page - 1) * pageSize > boundedOffset },
    )
    const found = rows.flatMap((row) => (row.key === null ? [] : [toItem(row)]))
    const end = pageEnd(found, pageSize, ({ value }) => wantValues && value === undefined)
    const items = found.slice(0, end)
    return {
      items,
      total: toTotal(rows),
      next: found.length > end ? (items.at(-1)?.key ?? null) : null,
      cut: end < pageSize && found.length > end,
    }
  }

  const groupPage = async (context: OperationContext, list: ListRange, delimiter: string): Promise<Page> => {
    const { prefix, after, startAfter, reverse, pageSize, wantValues, wantTotal } = list
    const { until, whole } = keyRange(prefix)
    const ascendingStart = () =>
      after === undefined ? (startAfter === undefined ? prefix : nextKey(startAfter)) : afterEntry(after, prefix, delimiter)
    const start = reverse ? (after ?? startAfter ?? until) : ascendingStart()
    const statement = reverse ? groupItemsDescending : groupItems
    const page = { start, until, whole, delimiter, beyond: afterEveryKey, pageSize, wantValues, wantTotal }
    const params = { namespace: context.namespace, prefix, ...page }
    const rows = await readBounded(
      (lane, bounded) => pool.runInLane(lane, statement, { ...params, bounded }, context),
      (found) => !lacksTotal(list, found),
      { wantTotal: wantTotal && !whole },
    )
    const end = pageEnd(rows, pageSize, (row) => wantValues && row.key !== null && row.value === null)
    const entries = rows.slice(0, end)
    const items = entries.flatMap((row) => (row.key === null ? [] : [toItem(row)]))
    const prefixes = entries.flatMap(({ grouped }) => (grouped === null ? [] : [grouped]))
    const last = rows.length > end ? entries.at(-1) : undefined
    return { items, prefixes, total: toTotal(rows), next: last === undefined ? null : (last.grouped ?? last.key), cut: false }
  }

  return async (context: OperationContext, operation: ListOperation): Promise<ItemList> => {
    const { prefix, delimiter, cursor } = operation
    const identity = itemListIdentity(context.namespace, operation)
    const list = { ...operation, after: cursor === undefined ? undefined : readCursor(identity, cursor) }
    const { next, ...page } = delimiter === undefined ? await listPage(context, list) : await groupPage(context, list, delimiter)
    return { ...page, prefix, nextCursor: next === null ? null : writeCursor(identity, next) }
  }
}
