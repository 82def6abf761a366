import { type SQL, sql } from 'drizzle-orm'
import { items } from '../../postgres/schema.js'
import { defineStatement, type Fragment } from '../../postgres/statement.js'
import { createdVersion } from './created-version.js'
import type { ItemRow } from './item-row.js'
import { totalOfAsked } from './total.js'
import { valueWithinBudget } from './value-within-budget.js'

/** How many rows a bounded list may read. */
const boundedPageRows = 20_000

/** A page of a list. */
export interface ListItems {
  readonly namespace: string
  /** First key of the range. */
  readonly from: string
  /**
   * Where the page starts: the first key, or in descending order the text before which all its keys are. The total counts the whole range.
   */
  readonly start: string
  /** The first text after all keys of the range. */
  readonly until: string
  /** Whether the range is the whole namespace. */
  readonly whole: boolean
  /** From 1. */
  readonly page: number
  readonly pageSize: number
  readonly wantValues: boolean
  readonly wantTotal: boolean
  /** Whether the statement may read only a bounded number of rows. */
  readonly bounded: boolean
}

/**
 * An item of the page, the first item of the next page, or only the total if the page is empty. `complete` is false if a bounded list had
 * to stop.
 */
export type ListRow = { readonly total: string | null; readonly complete: boolean } & (ItemRow | { readonly key: null })

interface Direction {
  readonly order: SQL
  /** Where the page starts, and the keys from there on. */
  readonly start: Fragment<ListItems>
  readonly range: SQL
}

/**
 * Reads a page of live items, and one more item if another page follows, with an exact total at the same instant. `offset 0` keeps the
 * planner from computing the total again for each row.
 */
const listStatement = ({ order, start, range }: Direction) =>
  defineStatement<ListItems, ListRow>(
    'read',
    (p) => sql`
    with clock as materialized (select transaction_timestamp() as now), asked as materialized (
      select ${p.namespace}::text as namespace, ${p.from}::text collate "C" as first,
        ${start(p)} as start, ${p.until}::text collate "C" as until,
        ${p.whole}::boolean as whole, ${p.page}::bigint as page, ${p.pageSize}::int as page_size,
        ${p.wantValues}::boolean as want_value, ${p.wantTotal}::boolean as want_total,
        ${p.bounded}::boolean as bounded
    ), page as materialized (
      select live.*
      from asked cross join lateral (
        select i.*
        from (
          select i.* from ${items} i
          where i.namespace = asked.namespace and ${range}
          order by i.key ${order}
          limit case when asked.bounded then ${sql.raw(String(boundedPageRows))} end
        ) i
        where i.expires_at is null or i.expires_at > (select now from clock)
        order by i.key ${order}
        limit asked.page_size + 1 offset (asked.page - 1) * asked.page_size
      ) live
    )
    select total.total::text, stopped.complete, p.key, ${valueWithinBudget(sql`p.value`, sql`p.key ${order}`)} as value, p.version::text, ${createdVersion('p')},
      p.created_at::text, p.updated_at::text, p.expires_at::text
    from asked
    cross join lateral (select ${totalOfAsked} as total offset 0) total
    cross join lateral (
      select not (
        asked.bounded and (select count(*) from page) <= asked.page_size and exists (
          select from ${items} i
          where i.namespace = asked.namespace and ${range}
          order by i.key ${order}
          offset ${sql.raw(String(boundedPageRows))} limit 1
        )
      ) as complete
      offset 0
    ) stopped
    left join page p on true
    order by p.key ${order}`,
  )

/** Lists in ascending order. */
export const listItems = listStatement({
  order: sql`asc`,
  start: (p) => sql`greatest(${p.from}::text collate "C", ${p.start}::text)`,
  range: sql`i.key >= asked.start and i.key < asked.until`,
})

/** Lists in descending order. */
export const listItemsDescending = listStatement({
  order: sql`desc`,
  start: (p) => sql`least(${p.until}::text collate "C", ${p.start}::text)`,
  range: sql`i.key >= asked.first and i.key < asked.start`,
})
