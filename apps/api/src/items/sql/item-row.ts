/** The columns of an item as the statements answer them. Times are text, because a `Date` costs as much as the rest of a read. */
export interface ItemRow {
  readonly key: string
  /** JSON text; null where it was not asked for. */
  readonly value: string | null
  readonly version: string
  /** Null if it is `version`; undefined in the records of versions of the service that had none. */
  readonly created_version: string | null | undefined
  readonly created_at: string
  readonly updated_at: string
  readonly expires_at: string | null
}

/**
 * RFC 3339 of a time as PostgreSQL writes it with `DateStyle` ISO and `TimeZone` UTC, whose fraction ends with its last digit
 * that is not 0: `2026-11-20 19:26:00.12+00`. Stored times have whole milliseconds.
 */
export const toRfc3339 = (text: string): string => `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, -3).padEnd(3, '0')}Z`
