import { sql } from 'drizzle-orm'
import { items } from '../../database/schema.js'
import { defineStatement } from '../../database/statement.js'
import { countRows } from './counts.js'

const { placeholder } = sql

/** Ranges of keys, each from `froms` (inclusive) to `untils` (exclusive), and how many rows to remove at the most. */
export interface DeleteRange {
  readonly namespaces: readonly string[]
  readonly froms: readonly string[]
  readonly untils: readonly string[]
  readonly limits: readonly number[]
}

/** What one range lost: all rows, those of them that were live, and the last key, where the next batch begins. */
export interface DeleteRangeRow {
  readonly ordinal: number
  readonly removed: number
  readonly live: number
  readonly last_key: string | null
}

/** Removes the first rows of ranges of keys, in key order. Ranges may not overlap. */
export const deleteRange = defineStatement<DeleteRange, DeleteRangeRow>(
  'write',
  sql`
    with asked as materialized (
      select * from unnest(
        ${placeholder('namespaces')}::text[], ${placeholder('froms')}::text[], ${placeholder('untils')}::text[],
        ${placeholder('limits')}::int[]
      ) with ordinality as a (namespace, first, until, most, ordinal)
    ), locked as materialized (
      select asked.ordinal, page.*
      from asked cross join lateral (
        select i.namespace, i.key, i.expires_at
        from ${items} i
        where i.namespace = asked.namespace and i.key >= asked.first and i.key < asked.until
        order by i.namespace, i.key
        limit asked.most
        for update
      ) page
    ), clock as materialized (
      select clock_timestamp() as now from (select count(*) from locked) waited
    ), deleted as (
      delete from ${items} i using locked
      where i.namespace = locked.namespace and i.key = locked.key
      returning locked.ordinal, i.namespace, i.key, i.expires_at
    ), counted as (
      ${countRows(sql`select namespace, -1 as rows from deleted`)}
    )
    select asked.ordinal::int, count(d.key)::int as removed, max(d.key collate "C") as last_key,
      (count(d.key) filter (where d.expires_at is null or d.expires_at > clock.now))::int as live
    from asked cross join clock left join deleted d on d.ordinal = asked.ordinal
    group by asked.ordinal`,
)
