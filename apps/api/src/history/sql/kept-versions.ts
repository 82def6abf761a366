import { type SQL, sql } from 'drizzle-orm'
import type { ItemRow } from '../../items/sql/item-row.js'
import { itemHistory, items, namespaces } from '../../postgres/schema.js'

/** A version of an item. `ended_at` and `ended` are null if it is the current one. */
export interface VersionRow extends ItemRow {
  readonly ended_at: string | null
  readonly ended: 'replaced' | 'deleted' | 'expired' | null
}

/**
 * The CTEs `clock` and `setting`. Expects `asked` with `namespace`. `setting` has no row if the namespace has no history. Otherwise
 * `first_end` is the earliest end of versions that are kept, and since `complete_since` no version is missing that `history_count` would
 * keep.
 */
export const historySetting: SQL = sql`
  clock as materialized (select transaction_timestamp() as now), setting as materialized (
    select s.history_count as count,
      greatest(s.history_since, clock.now - s.history_seconds * interval '1 second') as first_end,
      greatest(s.history_complete_since, clock.now - s.history_seconds * interval '1 second') as complete_since
    from asked join ${namespaces} s on s.name = asked.namespace and s.history_since is not null cross join clock
  )`

/** Tells whether the row `i` of `items` is or was an item. Rows that expired before they were written never were. */
export const wasItem: SQL = sql`(i.expires_at is null or i.expires_at > i.updated_at)`

/** Returns the old versions of a key, from the newest. */
const oldVersions = (namespace: SQL, key: SQL): SQL => sql`
  select k.version from ${itemHistory} k where k.namespace = ${namespace} and k.key = ${key} order by k.version desc`

/**
 * Returns the newest version that `history_count` drops; 0 if it drops none. Usually the write that exceeded the count has deleted it. A
 * version that has expired and was not swept is counted as an old one.
 * @param expired 1 if the row in `items` has expired, else 0
 */
export const droppedVersion = (namespace: SQL, key: SQL, expired: SQL): SQL => sql`
  case when (select count from setting) is null then 0 else
    coalesce((${oldVersions(namespace, key)} offset greatest((select count from setting) - ${expired}, 0) limit 1), 0) end`

/** Tells whether a key has as many old versions as `history_count` allows, so that earlier ones may have been dropped. */
export const mayBeDropped = (namespace: SQL, key: SQL, expired: SQL): SQL => sql`
  coalesce((select count(*) from (${oldVersions(namespace, key)} limit (select count from setting)) k) >= (select count from setting) - ${expired}, false)`

/**
 * Tells whether the version before this one had ended at `asked.at`. An insert reads the clock before it waits for another connection,
 * which may delete the same key in the meantime. Its version then seems to start before the end of the one before.
 */
export const followsEnd = (namespace: SQL, key: SQL, version: SQL): SQL => sql`
  coalesce((
    select k.ended_at from ${itemHistory} k
    where k.namespace = ${namespace} and k.key = ${key} and k.version < ${version}
    order by k.version desc limit 1
  ) <= asked.at, true)`

/**
 * The CTEs `current` and `dropped` of one item. Expects `asked` with `namespace` and `key`. `current` has the row of the item, with the
 * time at which it has expired.
 */
export const currentVersion: SQL = sql`
  current as materialized (
    select i.*, case when i.expires_at <= clock.now then i.expires_at end as ended_at
    from asked join ${items} i on i.namespace = asked.namespace and i.key = asked.key cross join clock
    where ${wasItem}
  ), dropped as materialized (
    select ${droppedVersion(sql`asked.namespace`, sql`asked.key`, sql`(select count(current.ended_at) from current)`)} as version from asked
  )`

/** Selects the current version, unless it has expired and is not kept. */
export const currentVersions: SQL = sql`
  select i.key, i.value, i.version, i.version - coalesce(i.created_offset, 0) as created_version, i.created_at, i.updated_at, i.expires_at,
    i.ended_at, case when i.ended_at is not null then 'expired' end as ended
  from current i
  where i.ended_at is null or i.ended_at >= (select first_end from setting)`

/** Selects the old versions that are kept, as `h`. Further conditions may follow. */
export const keptVersions: SQL = sql`
  select h.key, h.value, h.version, h.created_version, h.created_at, h.updated_at, h.expires_at, h.ended_at, h.ended
  from asked join ${itemHistory} h on h.namespace = asked.namespace and h.key = asked.key
  where h.version > (select version from dropped) and h.ended_at >= (select first_end from setting)`

/** Returns the columns of a version in a row. The value is null if it is not wanted. */
export const versionColumns = (alias: string, value: SQL): SQL => sql`
  ${sql.raw(alias)}.key, ${value} as value, ${sql.raw(alias)}.version::text, ${sql.raw(alias)}.created_version::text, ${sql.raw(alias)}.created_at::text,
  ${sql.raw(alias)}.updated_at::text, ${sql.raw(alias)}.expires_at::text, ${sql.raw(alias)}.ended_at::text, ${sql.raw(alias)}.ended`
