import { type SQL, sql } from 'drizzle-orm'
import { countRows } from '../../items/sql/count-rows.js'
import { apiKeys, idempotencyRecords, itemHistory, items, namespaces, requestCounts } from '../../postgres/schema.js'
import { defineStatement, type Statement } from '../../postgres/statement.js'

/** The batch sizes of sweeps in rows, from the smallest to the largest. */
export const sweepSizes = [500, 1_000, 2_000, 4_000, 8_000] as const

type SweepStatement = Statement<object, { readonly removed: number }>

/** The statements that delete one batch of expired rows of a table, one for each batch size. */
export interface Sweep {
  readonly smallest: SweepStatement
  readonly bySize: readonly SweepStatement[]
}

/** Defines the statements of a sweep. The limit is part of their text, because the planner must know it to use the index. */
const defineSweep = (template: (limit: SQL) => SQL): Sweep => {
  const bySize = sweepSizes.map((size) =>
    defineStatement<object, { readonly removed: number }>('write', () => template(sql.raw(String(size)))),
  )
  return { smallest: bySize[0] as SweepStatement, bySize }
}

/**
 * Deletes expired items, the oldest first, and updates the row counters. An item that is being rewritten is kept, because the lock reads its
 * new version. Rows that others have locked are left to the next sweep.
 */
export const itemSweep = defineSweep(
  (limit) => sql`
    with expired as materialized (
      select i.ctid as row_id
      from ${items} i
      where i.expires_at <= (select clock_timestamp())
      order by i.expires_at
      limit ${limit}
      for update skip locked
    ), deleted as (
      delete from ${items} i using expired where i.ctid = expired.row_id
      returning i.namespace
    ), counted as (
      ${countRows(sql`select namespace, -1 as rows from deleted`)}
    )
    select count(*)::int as removed from deleted`,
)

/** Defines the sweep of a table without row counters. Rows that others have locked are left to the next sweep. */
const defineTableSweep = (table: typeof idempotencyRecords | typeof requestCounts | typeof apiKeys): Sweep =>
  defineSweep(
    (limit) => sql`
      with expired as materialized (
        select t.ctid as row_id from ${table} t
        where t.expires_at <= (select clock_timestamp())
        order by t.expires_at
        limit ${limit}
        for update skip locked
      ), deleted as (
        delete from ${table} t using expired where t.ctid = expired.row_id returning 1
      )
      select count(*)::int as removed from deleted`,
  )

/** Deletes expired idempotency records. */
export const recordSweep = defineTableSweep(idempotencyRecords)

/** Deletes the request counts of clients whose rate-limit window has ended. */
export const requestCountSweep = defineTableSweep(requestCounts)

/** Deletes expired API keys. */
export const apiKeySweep = defineTableSweep(apiKeys)

/**
 * Deletes the old versions that their namespaces do not keep any longer, those that ended first. Without a history, a namespace keeps none,
 * and none that ended before its history started.
 */
export const historySweep = defineSweep(
  (limit) => sql`
    with recursive known (namespace) as (
      (select h.namespace from ${itemHistory} h order by h.namespace limit 1)
      union all
      select (select h.namespace from ${itemHistory} h where h.namespace > known.namespace order by h.namespace limit 1)
      from known where known.namespace is not null
    ), ended as materialized (
      select h.row_id
      from known
      left join ${namespaces} s on s.name = known.namespace and s.history_since is not null
      cross join lateral (
        select h.ctid as row_id
        from ${itemHistory} h
        where h.namespace = known.namespace
          and (s.name is null or h.ended_at < greatest(s.history_since, clock_timestamp() - s.history_seconds * interval '1 second'))
        order by h.ended_at
        limit ${limit}
        for update skip locked
      ) h
      limit ${limit}
    ), deleted as (
      delete from ${itemHistory} h using ended where h.ctid = ended.row_id returning 1
    )
    select count(*)::int as removed from deleted`,
)
