import { type SQL, sql } from 'drizzle-orm'
import { itemCounts } from '../../postgres/schema.js'

/** More slots than a service has connections, so that two of them seldom share one. */
const slots = 64

/**
 * Adds to the counts of rows within the statement that changes them; `changes` answers `namespace` and `rows`. It comes
 * last in its statement, after all items are locked, and goes through the namespaces in order.
 */
export const countRows = (changes: SQL): SQL => sql`
  insert into ${itemCounts} as c (namespace, slot, rows)
  select changes.namespace, pg_backend_pid() % ${sql.raw(String(slots))}, sum(changes.rows)
  from (${changes}) changes
  group by changes.namespace
  order by changes.namespace
  on conflict (namespace, slot) do update set rows = c.rows + excluded.rows`
