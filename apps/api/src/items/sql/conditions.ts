import { type SQL, sql } from 'drizzle-orm'
import { items } from '../../postgres/schema.js'

/**
 * The common beginning of keyed writes: locks the rows of `asked` in key order, so that concurrent batches cannot
 * deadlock, and then reads the clock, so that a write which waited judges expiry by the end of its wait.
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

/**
 * Whether the conditions of a write fit an item (RFC 9110 section 13.2.2), as a boolean expression. Expects `asked`
 * with the text columns `if_match` and `if_none_match`, each null, `*` or versions with commas between; the item's
 * `version` in `locked`; and whether the item is live as the expression `live`.
 */
export const conditionsHold = (live: SQL): SQL => sql`
  ((asked.if_match is null
    or (${live} and (asked.if_match = '*' or locked.version::text = any (string_to_array(asked.if_match, ',')))))
  and (asked.if_none_match is null
    or not (${live} and (asked.if_none_match = '*' or locked.version::text = any (string_to_array(asked.if_none_match, ','))))))`

/** Whether the row `locked` is an item that has not expired, by the clock in `clock`. */
export const lockedIsLive: SQL = sql`(locked.key is not null and (locked.expires_at is null or locked.expires_at > clock.now))`
