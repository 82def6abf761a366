import { type SQL, sql } from 'drizzle-orm'
import { items } from '../../database/schema.js'
import { defineStatement } from '../../database/statement.js'
import { countRows } from './counts.js'
import type { ItemRow } from './item-row.js'

const { placeholder } = sql

/** The arrays of unconditional writes: element n of each belongs to write n. No key may come twice. */
export interface UpsertItems {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** JSON objects whose member `value` is stored, to the letter. */
  readonly bodies: readonly string[]
  /** Seconds. */
  readonly ttls: readonly (number | null)[]
  /** Whether any answer needs its value. */
  readonly wantValues: boolean
}

/** An item as it was written. */
export type UpsertRow = ItemRow & { readonly namespace: string; readonly created: boolean }

const now = sql`date_trunc('milliseconds', clock_timestamp())`

/**
 * Writes items in one pass in key order, in which concurrent batches cannot deadlock: each row is inserted, or locked
 * and then, by the clock of that moment, overwritten where `overwrites` holds. A write that neither inserts nor
 * overwrites answers no row. `xmax` is 0 in a row that was inserted, and ours in one that was locked first.
 */
const writeItems = (write: { overwrites: SQL; columns: SQL; times: SQL; created: SQL }) =>
  defineStatement<UpsertItems, UpsertRow>(
    'write',
    sql`
      with written as (
        insert into ${items} as i (namespace, key, value, version, created_at, updated_at, expires_at)
        select a.namespace, a.key, a.body::json -> 'value', nextval('item_versions'), a.now, a.now, a.now + a.ttl * interval '1 second'
        from (
          select u.*, ${now} as now
          from unnest(
            ${placeholder('namespaces')}::text[], ${placeholder('keys')}::text[], ${placeholder('bodies')}::text[], ${placeholder('ttls')}::bigint[]
          ) as u (namespace, key, body, ttl)
          order by u.namespace collate "C", u.key collate "C"
        ) a
        on conflict (namespace, key) do update
        set value = excluded.value, version = nextval('item_versions'),
          (${write.columns}, expires_at) = (
            select ${write.times}, c.now + (excluded.expires_at - excluded.updated_at) from (select ${now} as now offset 0) c
          )
        where ${write.overwrites}
        returning i.*, i.xmax = 0 as inserted
      ), counted as (
        ${countRows(sql`select namespace, 1 as rows from written where inserted`)}
      )
      select namespace, key, case when ${placeholder('wantValues')}::boolean then value::text end as value, version::text,
        created_at::text, updated_at::text, expires_at::text, ${write.created} as created
      from written`,
  )

/** Creates items, and replaces those that are live. Leaves a row that expired and was not swept yet to `createItems`. */
export const upsertItems = writeItems({
  overwrites: sql`i.expires_at is null or i.expires_at > clock_timestamp()`,
  columns: sql`updated_at`,
  times: sql`c.now`,
  created: sql`inserted`,
})

/** Creates items that do not exist; a row that expired and was not swept yet counts as absent and is written over. */
export const createItems = writeItems({
  overwrites: sql`i.expires_at <= clock_timestamp()`,
  columns: sql`created_at, updated_at`,
  times: sql`c.now, c.now`,
  created: sql`true`,
})
