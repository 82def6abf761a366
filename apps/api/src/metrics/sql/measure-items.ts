import { type SQL, sql } from 'drizzle-orm'
import { itemCounts, items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** Pages of the table that are looked at: all of a small table, and no more than some megabytes of a large one. */
const pagesMax = 200

/** Namespaces that are told apart, the largest; the rest is one row. */
const namespacesMax = 20

/** What namespaces hold: one of them, or all others together where `namespace` is null. */
export interface MeasuredItems {
  readonly namespace: string | null
  /** Expired ones that are not swept yet too. */
  readonly items: number
  /** An estimate. */
  readonly bytes: number
}

const percent: SQL = sql`
  (select least(100, 100.0 * ${sql.raw(String(pagesMax))} * current_setting('block_size')::int / greatest(pg_relation_size('items'), 1)))`

/**
 * Measures namespaces without reading them: rows from their counters, bytes as these times the mean row in a sample of pages, as
 * stored, without indexes and free room. A namespace that the sample has not met, and those that are not told apart, are taken to be like the
 * whole table.
 */
export const measureItems = defineStatement<object, MeasuredItems>(
  'read',
  () => sql`
    with counted as materialized (
      select c.namespace, greatest(sum(c.rows), 0) as rows from ${itemCounts} c group by c.namespace
    ), ranked as (
      select counted.*, row_number() over (order by counted.rows desc, counted.namespace) as place from counted
    ), sampled as materialized (
      select i.namespace, count(*) as rows,
        sum(pg_column_size(i.namespace) + pg_column_size(i.key) + pg_column_size(i.value)) as bytes
      from ${items} i tablesample system (${percent})
      group by i.namespace
    ), overall as (
      select coalesce(sum(sampled.bytes) / nullif(sum(sampled.rows), 0), 0) as mean from sampled
    )
    select ranked.namespace, ranked.rows::float8 as items,
      round(ranked.rows * coalesce(sampled.bytes::numeric / sampled.rows, (select mean from overall)))::float8 as bytes
    from ranked left join sampled on sampled.namespace = ranked.namespace
    where ranked.place <= ${sql.raw(String(namespacesMax))}
    union all
    select null, sum(ranked.rows)::float8, round(sum(ranked.rows) * (select mean from overall))::float8
    from ranked
    where ranked.place > ${sql.raw(String(namespacesMax))}
    having count(*) > 0`,
)
