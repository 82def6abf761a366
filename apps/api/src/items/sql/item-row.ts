/** The columns of an item in the rows of statements. Times are text, because creating a `Date` costs as much as the rest of a read. */
export interface ItemRow {
  readonly key: string
  /** JSON text; null if it was not requested. */
  readonly value: string | null
  readonly version: string
  /** Null if it is `version`; undefined in idempotency records of releases that did not have it. */
  readonly created_version: string | null | undefined
  readonly created_at: string
  readonly updated_at: string
  readonly expires_at: string | null
}

/**
 * Converts a time from PostgreSQL's output format (`DateStyle` ISO, `TimeZone` UTC) to RFC 3339. PostgreSQL omits trailing zeros of the
 * fraction: `2026-11-20 19:26:00.12+00`. Stored times have whole milliseconds. The times of binary statements are in RFC 3339 already.
 */
export const toRfc3339 = (text: string): string =>
  text[10] === 'T' ? text : `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, -3).padEnd(3, '0')}Z`
