import { type SQL, sql } from 'drizzle-orm'
import { items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import { createdVersion } from './created-version.js'
import type { ItemRow } from './item-row.js'
import { totalOfAsked } from './total.js'
import { valueWithinBudget } from './value-within-budget.js'

/** A page of a grouped list. */
export interface GroupItems {
  readonly namespace: string
  /** The prefix of all keys. */
  readonly prefix: string
  /** Where the page starts: the first text, or in descending order the text before which all entries are. */
  readonly start: string
  /** The first text after all keys with the prefix. */
  readonly until: string
  /** Whether the prefix is empty. */
  readonly whole: boolean
  readonly delimiter: string
  /** Appended to a group, makes a text after all keys of the group. */
  readonly beyond: string
  readonly pageSize: number
  readonly wantValues: boolean
  readonly wantTotal: boolean
  /** Whether the total is null if it has too many rows to count quickly. */
  readonly bounded: boolean
}

/** An item or a group of the page, the first entry of the next page, or only the total if the page is empty. */
export type GroupRow = { readonly total: string | null } & (
  | ({ readonly grouped: null } & (ItemRow | { readonly key: null }))
  | { readonly grouped: string; readonly key: null }
)

interface Direction {
  readonly order: SQL
  /** Where the search for the first entry, and for the next one, starts. */
  readonly begin: SQL
  readonly next: SQL
  /** The keys among which an entry is searched. */
  readonly range: SQL
}

/**
 * Reads a page of live items, in which keys with the delimiter after the prefix are grouped by the text up to the end of the first one.
 * Goes from entry to entry in the index (a loose index scan), so that the cost of a group does not depend on its number of keys.
 */
const groupStatement = ({ order, begin, range, next }: Direction) =>
  defineStatement<GroupItems, GroupRow>(
    'read',
    (p) => sql`
    with recursive clock as materialized (select transaction_timestamp() as now),
    asked as materialized (
      select ${p.namespace}::text as namespace, ${p.prefix}::text collate "C" as first,
        ${p.start}::text collate "C" as start, ${p.until}::text collate "C" as until,
        ${p.whole}::boolean as whole, ${p.delimiter}::text collate "C" as delimiter,
        ${p.beyond}::text as beyond, ${p.pageSize}::int as page_size,
        ${p.wantValues}::boolean as want_value, ${p.wantTotal}::boolean as want_total,
        ${p.bounded}::boolean as bounded
    ), entry (ordinal, key, grouped, next) as (
      select 0, null::text collate "C", null::text collate "C", ${begin} from asked
      union all
      select entry.ordinal + 1, found.key, grouping.prefix, ${next}
      from entry cross join asked
      cross join lateral (
        select i.key
        from ${items} i
        where i.namespace = asked.namespace and ${range}
          and (i.expires_at is null or i.expires_at > (select now from clock))
        order by i.key ${order}
        limit 1
      ) found
      cross join lateral (select strpos(substr(found.key, length(asked.first) + 1), asked.delimiter) as position) delimiter
      cross join lateral (
        select case when delimiter.position > 0 then left(found.key, length(asked.first) + delimiter.position + length(asked.delimiter) - 1) end as prefix
      ) grouping
      where entry.ordinal <= asked.page_size
    )
    select total.total::text, entry.grouped, i.key, ${valueWithinBudget(sql`i.value`, sql`entry.ordinal`)} as value, i.version::text,
      ${createdVersion('i')}, i.created_at::text, i.updated_at::text, i.expires_at::text
    from asked
    cross join lateral (select ${totalOfAsked} as total offset 0) total
    left join entry on entry.ordinal > 0
    left join ${items} i on entry.grouped is null and i.namespace = asked.namespace and i.key = entry.key
    order by entry.ordinal`,
  )

/** Groups in ascending order. */
export const groupItems = groupStatement({
  order: sql`asc`,
  begin: sql`greatest(asked.first, asked.start)`,
  next: sql`case when grouping.prefix is null then found.key || chr(1) else grouping.prefix || asked.beyond end`,
  range: sql`i.key >= entry.next and i.key < asked.until`,
})

/** Groups in descending order. */
export const groupItemsDescending = groupStatement({
  order: sql`desc`,
  begin: sql`least(asked.until, asked.start)`,
  next: sql`coalesce(grouping.prefix, found.key)`,
  range: sql`i.key >= asked.first and i.key < entry.next`,
})
