import { limits } from '@holdfast/contracts'
import type { Pool } from '../database/pool.js'
import { JsonText } from '../json-text.js'
import { Refusal } from '../refusal.js'
import { createChangeItem } from './change-item.js'
import { createOnce } from './idempotency.js'
import { createIncrementItem, type IncrementCall } from './increment-item.js'
import type { DeleteCall, PutCall } from './item-call.js'
import { createItemCalls } from './item-calls.js'
import { afterEntry, afterEveryKey, keyRange, nextKey } from './key-range.js'
import { itemNotFound, preconditionFailed } from './outcomes.js'
import { createPatchItem, type PatchCall } from './patch-item.js'
import { createPutItem } from './put-item.js'
import { batchGetItems } from './sql/batch-get-items.js'
import { deleteRange } from './sql/delete-range.js'
import { foldItems } from './sql/fold-items.js'
import { type ItemRow, toRfc3339 } from './sql/item-row.js'
import { listItems } from './sql/list-items.js'

/** What the verbs need of the call that they serve. */
export interface StoreCall {
  /** When the request ends, as `performance.now()` counts. */
  readonly deadline: number
}

export interface StoredItem {
  readonly key: string
  readonly value: JsonText | undefined
  readonly version: string
  readonly created_at: string
  readonly updated_at: string
  readonly expires_at: string | null
}

/** A write of an item. */
export type ItemPut = Omit<PutCall, 'namespace'>

/** A removal of an item. */
type ItemDeletion = Omit<DeleteCall, 'namespace'>

/** A change of parts of an item. */
type ItemPatch = Omit<PatchCall, 'namespace'>

/** An addition to a counter. */
type ItemIncrement = Omit<IncrementCall, 'namespace'>

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
}

export interface ItemStore {
  /** @throws Refusal item_not_found */
  get: (call: StoreCall, key: string) => Promise<{ item: StoredItem; ttlRemaining: number | null }>
  /** The items of the keys as they are at one instant, in their order. @throws Refusal too_large */
  getMany: (call: StoreCall, keys: readonly string[]) => Promise<(StoredItem | null)[]>
  /** @throws Refusal precondition_failed, too_large, validation_failed */
  put: (call: StoreCall, put: ItemPut) => Promise<{ created: boolean; item: StoredItem; replayed: boolean }>
  /** @throws Refusal item_not_found, precondition_failed, too_large, validation_failed */
  patch: (call: StoreCall, patch: ItemPatch) => Promise<{ item: StoredItem; replayed: boolean }>
  /** @throws Refusal precondition_failed, not_a_number, out_of_bounds */
  increment: (call: StoreCall, increment: ItemIncrement) => Promise<{ item: StoredItem; replayed: boolean }>
  /** @throws Refusal item_not_found, precondition_failed */
  delete: (call: StoreCall, deletion: ItemDeletion) => Promise<{ replayed: boolean }>
  /** A page counted from the beginning, which is the first one (`page` 1) or after `after`. */
  list: (call: StoreCall, list: ItemRange & { readonly page: number }) => Promise<FoundItems>
  /** A page in which the items that have the delimiter behind the prefix are folded into the text up to its first one's end. */
  fold: (call: StoreCall, list: ItemRange & { readonly delimiter: string }) => Promise<FoundItems>
  /** Removes all keys with a prefix, in batches; answers how many live items went. */
  deletePrefix: (call: StoreCall, prefix: string) => Promise<number>
}

const namespace = 'default'
const rangeBatch = 1_000

const toItem = (row: ItemRow): StoredItem => ({
  key: row.key,
  value: row.value === null ? undefined : new JsonText(row.value),
  version: row.version,
  created_at: toRfc3339(row.created_at),
  updated_at: toRfc3339(row.updated_at),
  expires_at: row.expires_at === null ? null : toRfc3339(row.expires_at),
})

const only = <Row>(rows: readonly Row[]): Row => {
  const [row] = rows
  if (row === undefined) throw new Error('a statement answered no row for its call')
  return row
}

const toTotal = (rows: readonly { readonly total: string | null }[]): number | null => {
  const { total } = only(rows)
  return total === null ? null : Number(total)
}

/** What an item may do: expiry, versions and conditions. */
export const createItemStore = (pool: Pool, settings: { valueBytesMax: number; recordSeconds: number }): ItemStore => {
  const calls = createItemCalls(pool, settings)
  const once = createOnce(pool, settings.recordSeconds)
  const putItem = createPutItem(calls, settings.valueBytesMax)
  const changeItem = createChangeItem(calls, settings.valueBytesMax)
  const patchItem = createPatchItem(calls, changeItem)
  const incrementItem = createIncrementItem(calls, changeItem)

  return {
    get: async (call, key) => {
      const row = await calls.get({ namespace, key }, call.deadline)
      if (row === undefined) throw itemNotFound()
      return { item: toItem(row), ttlRemaining: row.ttl_remaining }
    },

    getMany: async (call, keys) => {
      const batch = { namespace, keys: [...new Set(keys)], bytesMax: limits.batchValueBytes }
      const rows = await pool.run(batchGetItems, batch, call.deadline)
      if (rows.some(({ fits }) => !fits)) {
        throw new Refusal('too_large', `the values have more than ${limits.batchValueBytes} bytes together; ask for fewer at once`)
      }
      const found = new Map(rows.map((row) => [row.key, toItem(row)]))
      return keys.map((key) => found.get(key) ?? null)
    },

    put: async (call, put) => {
      const row = await once(put.record, call.deadline, () => putItem(call.deadline, { namespace, ...put }))
      return { created: row.outcome === 'created', item: toItem(row), replayed: row.replayed === true }
    },

    patch: async (call, patch) => {
      const row = await once(patch.record, call.deadline, () => patchItem(call.deadline, { namespace, ...patch }))
      return { item: toItem(row), replayed: row.replayed === true }
    },

    increment: async (call, increment) => {
      const row = await once(increment.record, call.deadline, () => incrementItem(call.deadline, { namespace, ...increment }))
      return { item: toItem(row), replayed: row.replayed === true }
    },

    delete: async (call, deletion) => {
      const row = await once(deletion.record, call.deadline, async () => {
        const answered = await calls.delete({ namespace, ...deletion }, call.deadline)
        if (answered.outcome === 'missing') throw itemNotFound()
        if (answered.outcome === 'precondition_failed') throw preconditionFailed(answered.version)
        return answered
      })
      return { replayed: row.replayed === true }
    },

    list: async (call, { prefix, after, page, pageSize, wantValues, wantTotal }) => {
      const { from, until, whole } = keyRange(prefix)
      const arrays = {
        namespaces: [namespace],
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
      const items = rows.flatMap((row) => (row.key === null ? [] : [toItem(row)]))
      const next = items.length > pageSize ? (items[pageSize - 1]?.key ?? null) : null
      return { items: items.slice(0, pageSize), total: toTotal(rows), next }
    },

    fold: async (call, { prefix, after, delimiter, pageSize, wantValues, wantTotal }) => {
      const { until, whole } = keyRange(prefix)
      const start = after === undefined ? prefix : afterEntry(after, prefix, delimiter)
      const fold = { namespace, prefix, start, until, whole, delimiter, beyond: afterEveryKey, pageSize, wantValues, wantTotal }
      const rows = await pool.run(foldItems, fold, call.deadline)
      const page = rows.slice(0, pageSize)
      const items = page.flatMap((row) => (row.key === null ? [] : [toItem(row)]))
      const prefixes = page.flatMap(({ folded }) => (folded === null ? [] : [folded]))
      const last = rows.length > pageSize ? page.at(-1) : undefined
      return { items, prefixes, total: toTotal(rows), next: last === undefined ? null : (last.folded ?? last.key) }
    },

    deletePrefix: async (call, prefix) => {
      const { from, until } = keyRange(prefix)
      let deleted = 0
      let next = from
      for (;;) {
        if (performance.now() > call.deadline)
          throw new Refusal('outcome_unknown', `${deleted} items were deleted before the time ran out; repeat the request to go on`)
        const arrays = { namespaces: [namespace], froms: [next], untils: [until], limits: [rangeBatch] }
        const row = only(await pool.run(deleteRange, arrays, call.deadline))
        deleted += row.live
        if (row.last_key === null || row.removed < rangeBatch) return deleted
        next = row.last_key
      }
    },
  }
}
