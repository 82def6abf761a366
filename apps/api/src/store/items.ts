import type { Pool } from '../database/pool.js'
import { JsonText } from '../json-text.js'
import { Refusal } from '../refusal.js'
import { type Conditions, createItemCalls, type PutCall } from './item-calls.js'
import { keyRange, nextKey } from './key-range.js'
import { createPutItem, preconditionFailed } from './put-item.js'
import { deleteRange } from './sql/delete-range.js'
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

/** Which items to list: a page counted from the start, or (`page` 1) from the first key after `after`. */
interface ItemList {
  readonly prefix: string
  readonly after: string | undefined
  readonly page: number
  readonly pageSize: number
  readonly wantValues: boolean
}

export interface ItemStore {
  /** @throws Refusal item_not_found */
  get: (call: StoreCall, key: string) => Promise<{ item: StoredItem; ttlRemaining: number | null }>
  /** @throws Refusal precondition_failed, too_large, validation_failed */
  put: (call: StoreCall, put: ItemPut) => Promise<{ created: boolean; item: StoredItem }>
  /** @throws Refusal item_not_found, precondition_failed */
  delete: (call: StoreCall, key: string, conditions: Conditions) => Promise<void>
  list: (call: StoreCall, list: ItemList) => Promise<{ items: StoredItem[]; total: number; more: boolean }>
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

/** What an item may do: expiry, versions and conditions. */
export const createItemStore = (pool: Pool, settings: { valueBytesMax: number }): ItemStore => {
  const calls = createItemCalls(pool, settings.valueBytesMax)
  const putItem = createPutItem(calls, settings.valueBytesMax)

  return {
    get: async (call, key) => {
      const row = await calls.get({ namespace, key }, call.deadline)
      if (row === undefined) throw new Refusal('item_not_found', 'no live item has this key')
      return { item: toItem(row), ttlRemaining: row.ttl_remaining }
    },

    put: async (call, put) => {
      const row = await putItem(call.deadline, { namespace, ...put })
      return { created: row.created, item: toItem(row) }
    },

    delete: async (call, key, { ifMatch, ifNoneMatch }) => {
      const row = await calls.delete({ namespace, key, ifMatch, ifNoneMatch }, call.deadline)
      if (row.outcome === 'missing') throw new Refusal('item_not_found', 'no live item has this key')
      if (row.outcome === 'precondition_failed') throw preconditionFailed(row.version)
    },

    list: async (call, { prefix, after, page, pageSize, wantValues }) => {
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
      }
      const rows = await pool.run(listItems, arrays, call.deadline)
      const { total } = only(rows)
      const items = rows.flatMap((row) => (row.key === null ? [] : [toItem(row)]))
      return { items: items.slice(0, pageSize), total: Number(total), more: items.length > pageSize }
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
