import { type SQL, sql } from 'drizzle-orm'
import { expiredRows } from '../../items/sql/total.js'
import { itemCounts, items, namespaces } from '../../postgres/schema.js'
import { defineStatement, type Fragment } from '../../postgres/statement.js'

/** The settings of a namespace, in seconds, bytes and items. Null is no limit. */
export interface SettingsRow {
  readonly default_ttl: number | null
  readonly max_ttl: number | null
  readonly max_value_bytes: number | null
  readonly max_items: number | null
  readonly history_count: number | null
  readonly history_seconds: number | null
}

/** Settings to change. */
export type GivenSettings = { readonly [Name in keyof SettingsRow]?: SettingsRow[Name] | undefined }

/** A namespace. */
export interface NamespaceRow extends SettingsRow {
  readonly name: string
  readonly items: number
  /** Since when old versions are recorded; null if the namespace has no history. */
  readonly history_since: string | null
  /** Null if its first write created it. */
  readonly created_at: string | null
}

const rowsOf = (name: SQL): SQL => sql`(select coalesce(sum(c.rows), 0) from ${itemCounts} c where c.namespace = ${name})`

const settings = sql`n.default_ttl::float8, n.max_ttl::float8, n.max_value_bytes, n.max_items::float8, n.history_count, n.history_seconds::float8`

const columns = sql`
  known.name, (${rowsOf(sql`known.name`)} - ${expiredRows(sql`known.name`, sql`statement_timestamp()`)})::float8 as items,
  n.created_at::text, n.history_since::text, ${settings}`

/** Reads the namespaces after a name, in order: those that were created and those that have rows. */
export const listNamespaces = defineStatement<{ readonly after: string; readonly limit: number }, NamespaceRow>(
  'read',
  (p) => sql`
    with known as materialized (
      (select name from ${namespaces} where name > ${p.after}::text order by name limit ${p.limit}::int)
      union
      (
        select c.namespace from ${itemCounts} c where c.namespace > ${p.after}::text
        group by c.namespace having sum(c.rows) <> 0
        order by c.namespace limit ${p.limit}::int
      )
    )
    select ${columns}
    from known left join ${namespaces} n on n.name = known.name
    order by known.name collate "C"
    limit ${p.limit}::int`,
)

const oneNamespace: Fragment<{ readonly name: string }> = (p) => sql`
    from (select ${p.name}::text as name) known left join ${namespaces} n on n.name = known.name
    where n.name is not null or ${rowsOf(sql`known.name`)} <> 0`

/** Reads a namespace. Returns no row if it was not created and has no rows. */
export const getNamespace = defineStatement<{ readonly name: string }, NamespaceRow>(
  'read',
  (p) => sql`select ${columns} ${oneNamespace(p)}`,
)

/** Reads the settings of a namespace, and the database's time in milliseconds since 1970. Returns no row if `getNamespace` does not. */
export const getSettings = defineStatement<{ readonly name: string }, SettingsRow & { readonly now_ms: number }>(
  'read',
  (p) => sql`select ${settings}, extract(epoch from clock_timestamp())::float8 * 1000 as now_ms ${oneNamespace(p)}`,
)

const settingColumns = sql.raw('name, created_at, default_ttl, max_ttl, max_value_bytes, max_items, history_count, history_seconds')

const settingValues: Fragment<SettingsRow & { readonly name: string }> = (p) => sql`
  ${p.name}::text, clock_timestamp(), ${p.default_ttl}::bigint, ${p.max_ttl}::bigint, ${p.max_value_bytes}::int, ${p.max_items}::bigint,
  ${p.history_count}::int, ${p.history_seconds}::bigint`

/** Creates a namespace. Returns no row if it exists. A trigger starts its history, for which it waits for the writes in progress. */
export const insertNamespace = defineStatement<SettingsRow & { readonly name: string }, { readonly name: string }>(
  'write',
  (p) => sql`
    insert into ${namespaces} (${settingColumns})
    values (${settingValues(p)})
    on conflict (name) do nothing
    returning name`,
)

/** Changes all settings of a namespace. Creates its row if its first write created the namespace. */
export const updateNamespace = defineStatement<SettingsRow & { readonly name: string }, { readonly name: string }>(
  'write',
  (p) => sql`
    insert into ${namespaces} as n (${settingColumns})
    values (${settingValues(p)})
    on conflict (name) do update set default_ttl = excluded.default_ttl, max_ttl = excluded.max_ttl,
      max_value_bytes = excluded.max_value_bytes, max_items = excluded.max_items,
      history_count = excluded.history_count, history_seconds = excluded.history_seconds
    returning name`,
)

/** Deletes the settings of a namespace, and its counts if their sum is 0. */
export const removeNamespace = defineStatement<{ readonly name: string }, { readonly removed: number }>(
  'write',
  (p) => sql`
    with removed as (
      delete from ${namespaces} where name = ${p.name}::text returning 1
    ), counts as materialized (
      select c.slot, c.rows from ${itemCounts} c where c.namespace = ${p.name}::text order by c.slot for update
    ), forgotten as (
      delete from ${itemCounts} c where c.namespace = ${p.name}::text and (select coalesce(sum(rows), 0) from counts) = 0
    )
    select count(*)::int as removed from removed`,
)

/** The parameters of a count. `enough` is the smallest number of items that would be too many. */
export interface NamespaceRoom {
  readonly namespace: string
  readonly keys: readonly string[]
  readonly enough: number
}

/**
 * Counts the live items of a namespace, and returns the keys that have one. Expired rows are subtracted only if the rows and the keys
 * together reach `enough`. Otherwise there is room for all keys.
 */
export const namespaceRoom = defineStatement<NamespaceRoom, { readonly live: number; readonly present: string[] }>(
  'read',
  (p) => sql`
    with clock as materialized (select clock_timestamp() as now), asked as materialized (
      select ${p.namespace}::text as namespace, ${p.keys}::text[] as keys, ${p.enough}::bigint as enough
    ), counted as materialized (
      select ${rowsOf(sql`asked.namespace`)} as rows from asked
    )
    select (counted.rows - case when counted.rows + cardinality(asked.keys) < asked.enough then 0
        else ${expiredRows(sql`asked.namespace`, sql`(select now from clock)`)} end)::float8 as live,
      to_json(array(
        select i.key from ${items} i
        where i.namespace = asked.namespace and i.key = any (asked.keys) and (i.expires_at is null or i.expires_at > (select now from clock))
      )) as present
    from asked cross join counted`,
)
