import { sql } from 'drizzle-orm'
import { requestCounts } from '../../database/schema.js'
import { defineStatement } from '../../database/statement.js'
import { sweepBatch } from './sweep-items.js'

/** Removes counters of clients whose window is over. */
export const sweepRequestCounts = defineStatement<object, { removed: number }>(
  'write',
  sql`
    with expired as materialized (
      select c.id from ${requestCounts} c
      where c.expires_at <= (select clock_timestamp())
      order by c.expires_at
      limit ${sql.raw(String(sweepBatch))}
      for update skip locked
    ), deleted as (
      delete from ${requestCounts} c using expired where c.id = expired.id returning 1
    )
    select count(*)::int as removed from deleted`,
)
