import { type SQL, sql } from 'drizzle-orm'
import { itemCounts } from '../../postgres/schema.js'

/** More slots than a process has connections, so that two of them rarely share one. */
const slots = 64

/**
 * Returns the part of a statement that updates the counts of rows. `changes` selects `namespace` and `rows`. It must come last in its
 * statement, after all items are locked. It locks the counts in the order of their namespaces.
 */
export const countRows = (changes: SQL): SQL => sql`
  insert into ${itemCounts} as c (namespace, slot, rows)
  select changes.namespace, pg_backend_pid() % ${sql.raw(String(slots))}, sum(changes.rows)
  from (${changes}) changes
  group by changes.namespace
  order by changes.namespace
  on conflict (namespace, slot) do update set rows = c.rows + excluded.rows`
