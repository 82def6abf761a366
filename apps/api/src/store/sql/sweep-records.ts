import { sql } from 'drizzle-orm'
import { idempotencyRecords } from '../../database/schema.js'
import { defineStatement } from '../../database/statement.js'
import { sweepBatch } from './sweep-items.js'

/** Removes records of writes whose time is over. */
export const sweepRecords = defineStatement<object, { removed: number }>(
  'write',
  sql`
    with expired as materialized (
      select r.id from ${idempotencyRecords} r
      where r.expires_at <= (select clock_timestamp())
      order by r.expires_at
      limit ${sql.raw(String(sweepBatch))}
      for update skip locked
    ), deleted as (
      delete from ${idempotencyRecords} r using expired where r.id = expired.id returning 1
    )
    select count(*)::int as removed from deleted`,
)
