import { limits } from '@holdfast/contracts'
import { type SQL, sql } from 'drizzle-orm'
import { itemCounts, items } from '../../postgres/schema.js'

/** Rows under a prefix up to which a bounded total counts. */
const boundedTotalRows = limits.pagedItems

/** How many rows of a namespace have expired and were not swept yet; the index holds rows with an expiry only. */
export const expiredRows = (namespace: SQL, now: SQL): SQL =>
  sql`(select count(*) from ${items} i where i.namespace = ${namespace} and i.expires_at <= ${now})`

/**
 * How many live items a list has on all its pages, as an expression. Expects `asked` with `namespace`, `first`, `until`, `whole`,
 * `want_total` and `bounded`, and `clock`. The total of a namespace is the sum of its counters less its expired rows. The total of a
 * prefix is counted: rows in the primary key, which does not visit the table, less the expired ones among them. If `bounded` is true, it is
 * null beyond so many rows as pages by number reach. It is also null if no total is wanted.
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
