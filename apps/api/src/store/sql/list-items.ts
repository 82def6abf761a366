import { sql } from 'drizzle-orm'
import { items } from '../../database/schema.js'
import { defineStatement } from '../../database/statement.js'
import { createdVersion } from './created-version.js'
import { fittingValue } from './fitting-value.js'
import type { ItemRow } from './item-row.js'
import { totalOfAsked } from './total.js'

const { placeholder } = sql

/** The arrays of a list: element n of each belongs to list n. */
export interface ListItems {
  readonly namespaces: readonly string[]
  /** First key of the range. */
  readonly froms: readonly string[]
  /** Where the page begins, if that is after the first key of the range; the total is of the whole range. */
  readonly starts: readonly string[]
  /** The text that all keys of the range are before. */
  readonly untils: readonly string[]
  /** Whether the range is the whole namespace. */
  readonly wholes: readonly boolean[]
  /** From 1. */
  readonly pages: readonly number[]
  readonly pageSizes: readonly number[]
  readonly wantValues: readonly boolean[]
  readonly wantTotals: readonly boolean[]
}

/** One item of a page, or the first of the next one, or the total alone where the page is empty. */
export type ListRow = { readonly ordinal: number; readonly total: string | null } & (ItemRow | { readonly key: null })

/**
 * Reads pages of live items, each with one item more that tells whether another page follows, and exact totals at one
 * instant. `offset 0` keeps the planner from moving the total into the rows, where it would be counted anew for each of them.
 */
export const listItems = defineStatement<ListItems, ListRow>(
  'read',
  sql`
    with clock as materialized (select statement_timestamp() as now)
    select asked.ordinal::int, total.total::text, page.key, page.value, page.version, page.created_version, page.created_at,
      page.updated_at, page.expires_at
    from unnest(
      ${placeholder('namespaces')}::text[], ${placeholder('froms')}::text[], ${placeholder('starts')}::text[],
      ${placeholder('untils')}::text[], ${placeholder('wholes')}::text[]::boolean[], ${placeholder('pages')}::bigint[],
      ${placeholder('pageSizes')}::bigint[], ${placeholder('wantValues')}::text[]::boolean[], ${placeholder('wantTotals')}::text[]::boolean[]
    ) with ordinality as asked (namespace, first, start, until, whole, page, page_size, want_value, want_total, ordinal)
    cross join lateral (select ${totalOfAsked} as total offset 0) total
    left join lateral (
      select p.key, ${fittingValue(sql`p.value`, sql`p.key`)} as value, p.version::text, ${createdVersion('p')},
        p.created_at::text, p.updated_at::text, p.expires_at::text
      from (
        select i.*
        from ${items} i
        where i.namespace = asked.namespace and i.key >= greatest(asked.first collate "C", asked.start) and i.key < asked.until
          and (i.expires_at is null or i.expires_at > (select now from clock))
        order by i.key
        limit asked.page_size + 1 offset (asked.page - 1) * asked.page_size
      ) p
    ) page on true
    order by asked.ordinal, page.key`,
)
