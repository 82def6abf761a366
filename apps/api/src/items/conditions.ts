import { type SQL, sql } from 'drizzle-orm'
import type { Conditions } from './operation.js'

/**
 * Returns whether the conditions of an operation fit an item (RFC 9110 section 13.2.2). `conditionsHold` is the same in SQL, for writes
 * that decide while they hold the item's lock.
 * @param version of the live item; null if it does not exist
 */
export const holds = ({ ifMatch, ifNoneMatch }: Conditions, version: string | null): boolean => {
  const names = (condition: string): boolean => version !== null && (condition === '*' || condition.split(',').includes(version))
  return (ifMatch === null || names(ifMatch)) && (ifNoneMatch === null || !names(ifNoneMatch))
}

/**
 * Returns a boolean expression that tells whether the conditions of a write fit an item, as `holds` does. Expects `asked` with the text
 * columns `if_match` and `if_none_match`, and the item's `version` in `locked`.
 * @param live a boolean expression that tells whether the item is live
 */
export const conditionsHold = (live: SQL): SQL => sql`
  ((asked.if_match is null
    or (${live} and (asked.if_match = '*' or locked.version::text = any (string_to_array(asked.if_match, ',')))))
  and (asked.if_none_match is null
    or not (${live} and (asked.if_none_match = '*' or locked.version::text = any (string_to_array(asked.if_none_match, ','))))))`
