import { sql } from 'drizzle-orm'
import { idempotencyRecords, requestCounts } from '../../database/schema.js'
import { defineStatement } from '../../database/statement.js'
import { sweepBatch } from './sweep-items.js'

/** Removes rows of a table whose time is over; rows that somebody holds are left to the next sweep. */
const sweepExpired = (table: typeof idempotencyRecords | typeof requestCounts) =>
  defineStatement<object, { removed: number }>(
    'write',
    sql`
      with expired as materialized (
        select t.id from ${table} t
        where t.expires_at <= (select clock_timestamp())
        order by t.expires_at
        limit ${sql.raw(String(sweepBatch))}
        for update skip locked
      ), deleted as (
        delete from ${table} t using expired where t.id = expired.id returning 1
      )
      select count(*)::int as removed from deleted`,
  )

/** Removes records of writes whose time is over. */
export const sweepRecords = sweepExpired(idempotencyRecords)

/** Removes counters of clients whose window is over. */
export const sweepRequestCounts = sweepExpired(requestCounts)
