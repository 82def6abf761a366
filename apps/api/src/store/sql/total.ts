import { type SQL, sql } from 'drizzle-orm'
import { itemCounts, items } from '../../database/schema.js'

/**
 * How many live items a list has on all its pages, as an expression; null where that is not wanted. Expects `asked` with
 * `namespace`, `first`, `until`, `whole` and `want_total`, and `clock`. The total of a whole namespace comes from the counted
 * rows less those that expired and were not swept yet; that of a prefix is counted in its own range.
 */
export const totalOfAsked: SQL = sql`
  case
    when not asked.want_total then null
    when asked.whole then
      (select coalesce(sum(c.rows), 0) from ${itemCounts} c where c.namespace = asked.namespace)
      - (select count(*) from ${items} i where i.expires_at <= (select now from clock) and i.namespace = asked.namespace)
    else
      (select count(*) from ${items} i
        where i.namespace = asked.namespace and i.key >= asked.first and i.key < asked.until
          and (i.expires_at is null or i.expires_at > (select now from clock)))
  end`
