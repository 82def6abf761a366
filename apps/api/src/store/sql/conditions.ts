import { type SQL, sql } from 'drizzle-orm'

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
