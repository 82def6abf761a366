import { sql } from 'drizzle-orm'
import { items } from '../../database/schema.js'
import { defineStatement } from '../../database/statement.js'
import { countRows } from './counts.js'

/** How many rows one statement removes at the most: few, so that no writer waits long. The planner must know it to use the index. */
export const sweepBatch = 500

/**
 * Removes rows that expired, the oldest first. Locking reads the row as it is now, so one that was rewritten meanwhile
 * stays; rows that a writer holds are skipped and left to the next time.
 */
export const sweepItems = defineStatement<object, { removed: number }>(
  'write',
  sql`
    with expired as materialized (
      select i.namespace, i.key
      from ${items} i
      where i.expires_at <= (select clock_timestamp())
      order by i.expires_at
      limit ${sql.raw(String(sweepBatch))}
      for update skip locked
    ), deleted as (
      delete from ${items} i using expired
      where i.namespace = expired.namespace and i.key = expired.key
      returning i.namespace
    ), counted as (
      ${countRows(sql`select namespace, -1 as rows from deleted`)}
    )
    select count(*)::int as removed from deleted`,
)
