import { type SQL, sql } from 'drizzle-orm'
import type { ItemRow } from '../../items/sql/item-row.js'
import { valueWithinBudget } from '../../items/sql/value-within-budget.js'
import { itemHistory, items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import { droppedVersion, followsEnd, historySetting, mayBeDropped, wasItem } from './kept-versions.js'

/** How many keys a statement examines. */
export const examinedKeysMax = 1_000

/** A page of a list as of a time. */
export interface ListItemsAt {
  readonly namespace: string
  /** RFC 3339. */
  readonly at: string
  /** The keys of the list, from `first` (inclusive) to `until` (exclusive). */
  readonly first: string
  readonly until: string
  /** The start of the page: the first text, or in descending order the text before which all keys are. */
  readonly start: string
  readonly pageSize: number
  readonly wantValues: boolean
}

/**
 * An item of the page, the first item of the next page, a key whose state at the time is `unknown`, or the last key that was examined.
 * Without a key, no key was in the range. `complete` is false if the history does not reach back to the time.
 */
export type ItemAtRow = { readonly future: boolean; readonly complete: boolean } & (
  | (ItemRow & { readonly state: 'found'; readonly ordinal: number })
  | { readonly state: 'unknown' | 'missing'; readonly key: string; readonly ordinal: number }
  | { readonly state: null; readonly key: null }
)

interface Direction {
  readonly order: SQL
  /** The function that chooses the next of two keys. */
  readonly nearest: SQL
  /** The start of the search for the first key, and of the search for the next key. */
  readonly begin: SQL
  readonly next: SQL
  /** Returns the keys among which the next one is searched. */
  readonly range: (key: SQL) => SQL
}

/**
 * Goes from key to key in the indexes of `items` and of the history, so that the number of versions of a key does not matter, and finds the
 * version of each key at the time, as `getItemAt` does.
 */
const listStatement = ({ order, nearest, begin, next, range }: Direction) =>
  defineStatement<ListItemsAt, ItemAtRow>(
    'read',
    (p) => sql`
    with recursive asked as materialized (
      select ${p.namespace}::text as namespace, ${p.at}::timestamptz as at, ${p.first}::text collate "C" as first,
        ${p.until}::text collate "C" as until, ${p.start}::text collate "C" as start, ${p.pageSize}::int as page_size,
        ${p.wantValues}::boolean as want_value
    ), ${historySetting}, entry (ordinal, key, next, found, version, is_current, state) as (
      select 0, null::text collate "C", ${begin}, 0, null::bigint, false, null::text from asked
      union all
      select entry.ordinal + 1, nearest.key, ${next}, entry.found + (state.state = 'found')::int, chosen.version, chosen.is_current, state.state
      from entry cross join asked
      cross join lateral (
        select ${nearest}(
          (select i.key from ${items} i where i.namespace = asked.namespace and ${range(sql`i.key`)} order by i.key ${order} limit 1),
          (select h.key from ${itemHistory} h where h.namespace = asked.namespace and ${range(sql`h.key`)} order by h.key ${order} limit 1)
        ) as key offset 0
      ) nearest
      cross join lateral (
        select count(*)::int as expired from ${items} i cross join clock
        where i.namespace = asked.namespace and i.key = nearest.key and i.expires_at <= clock.now and ${wasItem}
        offset 0
      ) current
      cross join lateral (
        select max(v.version) as version, (array_agg(v.is_current order by v.version desc))[1] as is_current,
          (array_agg(v.ended_at order by v.version desc))[1] as ended_at
        from (
          select i.version, true as is_current, i.expires_at as ended_at
          from ${items} i
          where i.namespace = asked.namespace and i.key = nearest.key and i.updated_at <= asked.at and ${wasItem}
            and ${followsEnd(sql`i.namespace`, sql`i.key`, sql`i.version`)}
          union all
          (
            select h.version, false, h.ended_at
            from ${itemHistory} h
            where h.namespace = asked.namespace and h.key = nearest.key and h.updated_at <= asked.at
              and h.ended_at >= (select first_end from setting)
              and h.version > ${droppedVersion(sql`asked.namespace`, sql`nearest.key`, sql`current.expired`)}
              and ${followsEnd(sql`h.namespace`, sql`h.key`, sql`h.version`)}
            order by h.version desc limit 1
          )
        ) v
        offset 0
      ) chosen
      cross join lateral (
        select case
          when chosen.version is not null then case when chosen.ended_at <= asked.at then 'missing' else 'found' end
          when ${mayBeDropped(sql`asked.namespace`, sql`nearest.key`, sql`current.expired`)} then 'unknown'
          else 'missing'
        end as state
        offset 0
      ) state
      where nearest.key is not null and entry.found <= asked.page_size and entry.ordinal < ${sql.raw(String(examinedKeysMax))}
    ), page as materialized (
      select entry.*, coalesce(i.value, h.value) as value,
        coalesce(i.version - coalesce(i.created_offset, 0), h.created_version) as created_version,
        coalesce(i.created_at, h.created_at) as created_at, coalesce(i.updated_at, h.updated_at) as updated_at,
        case when entry.is_current then i.expires_at else h.expires_at end as expires_at
      from entry cross join asked
      left join ${items} i on entry.is_current and i.namespace = asked.namespace and i.key = entry.key
      left join ${itemHistory} h on not entry.is_current and h.namespace = asked.namespace and h.key = entry.key and h.version = entry.version
      where entry.ordinal > 0 and (entry.state <> 'missing' or entry.ordinal = (select max(ordinal) from entry))
    )
    select asked.at > clock.now as future, coalesce(asked.at >= setting.complete_since, false) as complete, p.state, p.ordinal, p.key,
      ${valueWithinBudget(sql`p.value`, sql`p.ordinal`)} as value, p.version::text, p.created_version::text, p.created_at::text,
      p.updated_at::text, p.expires_at::text
    from asked cross join clock left join setting on true left join page p on true
    order by p.ordinal`,
  )

/** Lists in ascending order. */
export const listItemsAt = listStatement({
  order: sql`asc`,
  nearest: sql`least`,
  begin: sql`greatest(asked.first, asked.start)`,
  next: sql`nearest.key || chr(1)`,
  range: (key) => sql`${key} >= entry.next and ${key} < asked.until`,
})

/** Lists in descending order. */
export const listItemsAtDescending = listStatement({
  order: sql`desc`,
  nearest: sql`greatest`,
  begin: sql`least(asked.until, asked.start)`,
  next: sql`nearest.key`,
  range: (key) => sql`${key} >= asked.first and ${key} < entry.next`,
})
