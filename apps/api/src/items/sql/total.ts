import { limits } from '@holdfast/contracts'
import { type SQL, sql } from 'drizzle-orm'
import { itemCounts, items } from '../../postgres/schema.js'

/** How many rows of a prefix a bounded total counts. */
const boundedTotalRows = limits.pagedItems

/** Counts the expired rows of a namespace that were not swept yet. The index has only rows with an expiry. */
export const expiredRows = (namespace: SQL, now: SQL): SQL =>
  sql`(select count(*) from ${items} i where i.namespace = ${namespace} and i.expires_at <= ${now})`

/**
 * Returns the expression for the number of live items on all pages of a list. Expects `asked` with `namespace`, `first`, `until`, `whole`,
 * `want_total` and `bounded`, and `clock`. The total of a namespace is the sum of its counters minus its expired rows. The total of a
 * prefix is the number of its rows, counted in the primary key without visiting the table, minus the expired ones. It is null if no total
 * is wanted, or if `bounded` is true and the prefix has more rows than pages by number reach.
 */
export const totalOfAsked: SQL = sql`
  case
    when not asked.want_total then null
    when asked.whole then
      (select coalesce(sum(c.rows), 0) from ${itemCounts} c where c.namespace = asked.namespace)
      - ${expiredRows(sql`asked.namespace`, sql`(select now from clock)`)}
    when asked.bounded then (
      select case when count(*) <= ${sql.raw(String(boundedTotalRows))}
        then count(*) filter (where r.expires_at is null or r.expires_at > (select now from clock)) end
      from (
        select i.expires_at from ${items} i
        where i.namespace = asked.namespace and i.key >= asked.first and i.key < asked.until
        order by i.key
        limit ${sql.raw(String(boundedTotalRows + 1))}
      ) r)
    else
      (select count(*) from ${items} i where i.namespace = asked.namespace and i.key >= asked.first and i.key < asked.until)
      - (select count(*) from ${items} i
          where i.namespace = asked.namespace and i.expires_at <= (select now from clock) and i.key >= asked.first and i.key < asked.until)
  end`
