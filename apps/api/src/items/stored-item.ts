import type { Replayable } from '../idempotency/idempotency-key.js'
import { JsonText } from '../lib/json-text.js'
import { type ItemRow, toRfc3339 } from './sql/item-row.js'

/** An item in a response. */
export interface StoredItem {
  readonly key: string
  /** Undefined if it was not wanted. */
  readonly value: JsonText | undefined
  readonly version: string
  /** The version that the item was created with. */
  readonly created_version: string
  readonly created_at: string
  readonly updated_at: string
  readonly expires_at: string | null
}

export const toItem = (row: ItemRow): StoredItem => ({
  key: row.key,
  value: row.value === null ? undefined : new JsonText(row.value),
  version: row.version,
  // A replayed response has the members of the original one.
  created_version: row.created_version === undefined ? (undefined as never) : (row.created_version ?? row.version),
  created_at: toRfc3339(row.created_at),
  updated_at: toRfc3339(row.updated_at),
  expires_at: row.expires_at === null ? null : toRfc3339(row.expires_at),
})

/** The result of a write that leaves an item. */
export interface Written {
  readonly item: StoredItem
  readonly created: boolean
  /** Whether an earlier request with the same Idempotency-Key wrote it. */
  readonly replayed: boolean
}

export const toWritten = (row: ItemRow & Replayable & { readonly outcome?: string }): Written => ({
  item: toItem(row),
  created: row.outcome === 'created',
  replayed: row.replayed === true,
})
