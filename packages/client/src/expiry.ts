import { InvalidArgumentError } from './errors.js'
import { type WireNames, wireMembers } from './names.js'
import type { Body } from './types.js'

/** When a written item expires: at most one of these. Without one it is permanent. */
export interface Expiry {
  /**
   * Time to live, from now; a whole number from 1 to 3,153,600,000 (100 years). Null for a permanent item.
   * @unit seconds
   * @default null
   */
  readonly ttl?: number | null
  /**
   * The instant at which the item expires: a Date, or an RFC 3339 time such as `2030-01-31T12:00:00Z`. Null for a permanent item.
   * @default null
   */
  readonly expiresAt?: string | Date | null
  /**
   * Keep the expiry that the item has, if it has one.
   * @default false
   */
  readonly keepTtl?: boolean
}

/** When an existing item expires from now on: `ttl` in seconds, or `expiresAt`; null for never. */
export type ItemExpiry =
  | {
      /**
       * Time to live, from now; a whole number. Null makes the item permanent.
       * @unit seconds
       */
      readonly ttl: number | null
      readonly expiresAt?: never
    }
  | {
      /** The instant at which the item expires: a Date, or an RFC 3339 time. Null makes the item permanent. */
      readonly expiresAt: string | Date | null
      readonly ttl?: never
    }

/** Options that say when an item expires. */
export const expiryNames = { ttl: 'ttl', expiresAt: 'expires_at', keepTtl: 'keep_ttl' } as const satisfies Record<keyof Expiry, string> &
  WireNames<Omit<Body<'putItem'>, 'value'>>

/** The same for an item that exists. */
export const itemExpiryNames = { ttl: 'ttl', expiresAt: 'expires_at' } as const satisfies Record<keyof ItemExpiry, string> &
  WireNames<Omit<Body<'patchItem'>, 'value'>>

/** The members of a request's body, with a Date as an RFC 3339 time. @throws InvalidArgumentError */
export const bodyMembers = (what: string, options: object, names: Readonly<Record<string, string>>): Record<string, unknown> => {
  const members = wireMembers(options, names)
  const { expires_at: expiresAt } = members
  if (!(expiresAt instanceof Date)) return members
  if (Number.isNaN(expiresAt.getTime())) throw new InvalidArgumentError(`${what}: expiresAt is an invalid Date`)
  return { ...members, expires_at: expiresAt.toISOString() }
}
