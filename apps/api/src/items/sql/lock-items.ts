import { type SQL, sql } from 'drizzle-orm'
import { items } from '../../postgres/schema.js'

/**
 * The first CTEs of a write: locks the rows of `asked` in key order, so that concurrent batches cannot deadlock, and then reads the clock,
 * so that expiry is decided after the wait for the locks.
 */
export const lockAsked: SQL = sql`
    locked as materialized (
      select i.namespace, i.key, i.version, i.expires_at
      from asked join ${items} i on i.namespace = asked.namespace and i.key = asked.key
      order by i.namespace, i.key
      for update of i
    ), clock as materialized (
      select clock_timestamp() as now from (select count(*) from locked) waited
    )`

/** Tells whether the row `locked` is an item that has not expired by the time in `clock`. */
export const lockedIsLive: SQL = sql`(locked.key is not null and (locked.expires_at is null or locked.expires_at > clock.now))`
