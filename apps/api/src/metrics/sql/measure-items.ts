import { type SQL, sql } from 'drizzle-orm'
import { itemCounts, items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** The number of pages in the sample: all pages of a small table, and at most some megabytes of a large one. */
const pagesMax = 200

/** The number of namespaces with their own row. All smaller ones share one row. */
const namespacesMax = 20

/** The size of a namespace. If `namespace` is null, the sum of all namespaces without their own row. */
export interface MeasuredItems {
  readonly namespace: string | null
  /** Includes expired items that were not swept yet. */
  readonly items: number
  /** An estimate. */
  readonly bytes: number
}

const percent: SQL = sql`
  (select least(100, 100.0 * ${sql.raw(String(pagesMax))} * current_setting('block_size')::int / greatest(pg_relation_size('items'), 1)))`

/**
 * Measures the largest namespaces without reading them. The number of items comes from the row counters. The bytes are that number times the
 * mean row size in a sample of pages, as stored, without indexes and free space. A namespace without rows in the sample gets the mean of all
 * rows in the sample.
 */
export const measureItems = defineStatement<object, MeasuredItems>(
  'read',
  () => sql`
    with counted as materialized (
      select c.namespace, greatest(sum(c.rows), 0) as rows from ${itemCounts} c group by c.namespace
    ), ranked as (
      select counted.*, row_number() over (order by counted.rows desc, counted.namespace) as rank from counted
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
    where ranked.rank <= ${sql.raw(String(namespacesMax))}
    union all
    select null, sum(ranked.rows)::float8, round(sum(ranked.rows) * (select mean from overall))::float8
    from ranked
    where ranked.rank > ${sql.raw(String(namespacesMax))}
    having count(*) > 0`,
)
