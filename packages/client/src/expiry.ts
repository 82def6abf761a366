import { InvalidArgumentError } from './errors.js'
import { type WireNames, wireMembers } from './names.js'
import type { Body } from './types.js'

/** The expiry of a written item: at most one of these options. Without one, the item is permanent. */
export interface Expiry {
  /**
   * Time to live from now: a whole number from 1 to 3,153,600,000 (100 years). Null for a permanent item.
   * @unit seconds
   * @default null
   */
  readonly ttl?: number | null
  /**
   * The time at which the item expires: a Date, or an RFC 3339 time such as `2030-01-31T12:00:00Z`. Null for a permanent item.
   * @default null
   */
  readonly expiresAt?: string | Date | null
  /**
   * Keeps the expiry of the existing item, if it has one.
   * @default false
   */
  readonly keepTtl?: boolean
}

/** The new expiry of an existing item: `ttl` in seconds, or `expiresAt`. Null makes it permanent. */
export type ItemExpiry =
  | {
      /**
       * Time to live from now: a whole number. Null makes the item permanent.
       * @unit seconds
       */
      readonly ttl: number | null
      readonly expiresAt?: never
    }
  | {
      /** The time at which the item expires: a Date, or an RFC 3339 time. Null makes the item permanent. */
      readonly expiresAt: string | Date | null
      readonly ttl?: never
    }

/** The options of an expiry, each with its name in the API. */
export const expiryNames = { ttl: 'ttl', expiresAt: 'expires_at', keepTtl: 'keep_ttl' } as const satisfies Record<keyof Expiry, string> &
  WireNames<Omit<Body<'putItem'>, 'value'>>

/** The options of the expiry of an existing item, each with its name in the API. */
export const itemExpiryNames = { ttl: 'ttl', expiresAt: 'expires_at' } as const satisfies Record<keyof ItemExpiry, string> &
  WireNames<Omit<Body<'patchItem'>, 'value'>>

/** Returns the members of a request's body, with a Date as an RFC 3339 time. @throws InvalidArgumentError */
export const bodyMembers = (what: string, options: object, names: Readonly<Record<string, string>>): Record<string, unknown> => {
  const members = wireMembers(options, names)
  const { expires_at: expiresAt } = members
  if (!(expiresAt instanceof Date)) return members
  if (Number.isNaN(expiresAt.getTime())) throw new InvalidArgumentError(`${what}: expiresAt is an invalid Date`)
  return { ...members, expires_at: expiresAt.toISOString() }
}
