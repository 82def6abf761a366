import { sql } from 'drizzle-orm'
import { apiKeys, idempotencyRecords, requestCounts } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import { sweepOf } from './sweep.js'

/** Removes rows of a table whose time is over; rows that somebody holds are left to the next sweep. */
const sweepExpired = (table: typeof idempotencyRecords | typeof requestCounts | typeof apiKeys) =>
  sweepOf((limit) =>
    defineStatement<object, { removed: number }>(
      'write',
      () => sql`
        with expired as materialized (
          select t.ctid as place from ${table} t
          where t.expires_at <= (select clock_timestamp())
          order by t.expires_at
          limit ${limit}
          for update skip locked
        ), deleted as (
          delete from ${table} t using expired where t.ctid = expired.place returning 1
        )
        select count(*)::int as removed from deleted`,
    ),
  )

/** Removes records of writes whose time is over. */
export const recordSweep = sweepExpired(idempotencyRecords)
export const sweepRecords = recordSweep.smallest

/** Removes counters of clients whose window is over. */
export const requestCountSweep = sweepExpired(requestCounts)
export const sweepRequestCounts = requestCountSweep.smallest

/** Removes API keys that have expired. */
export const apiKeySweep = sweepExpired(apiKeys)
