import type { Send } from './call.js'
import { checkOptions } from './check-options.js'
import { type Conditions, conditionHeaders, conditionNames } from './conditions.js'
import { named } from './describe.js'
import { bodyMembers } from './expiry.js'
import { camelCased, type WireNames } from './names.js'
import { type WriteOptions, writeNames } from './options.js'
import type { Body, Item } from './types.js'

/** The number that an increment adds, its bounds, and the expiry of the counter. Use bigint for integers beyond 2^53. */
export interface Addition {
  /**
   * The number to add. A negative number subtracts.
   * @default 1
   */
  readonly by?: number | bigint
  /**
   * Starting value of a missing counter, to which `by` is added.
   * @default 0
   */
  readonly initial?: number | bigint
  /**
   * Smallest allowed result. If the result would be less, nothing is changed and the call throws an {@link OutOfBoundsError}.
   * @default none
   */
  readonly min?: number | bigint
  /**
   * Largest allowed result. If the result would be greater, nothing is changed and the call throws an {@link OutOfBoundsError}.
   * @default none
   */
  readonly max?: number | bigint
  /**
   * Time to live of the counter from its creation: a whole number from 1 to 3,153,600,000 (100 years).
   * @unit seconds
   * @default none: a new counter is permanent
   */
  readonly ttl?: number
  /**
   * Keeps the expiry of an existing counter, which is the default.
   * @default true
   */
  readonly keepTtl?: true
  /**
   * Starts the `ttl` again with this call.
   * @default false
   */
  readonly refreshTtl?: boolean
  /**
   * Rejects the call with a {@link TtlRequiredError} if the counter would have no expiry after it: if it is permanent, or if it does
   * not exist and gets no `ttl`.
   * @default false
   */
  readonly requireTtl?: boolean
}

/** Options of {@link Counters.increment} and {@link Counters.decrement}. */
export interface IncrementOptions extends Addition, Conditions, WriteOptions {}

/** Counters: items whose value is a number. */
export interface Counters {
  /**
   * Adds 1, or `by`, and creates a missing counter. A value beyond 2^53 is a bigint.
   * @throws NotANumberError, OutOfBoundsError, TtlRequiredError, PreconditionFailedError
   * @example
   * await client.increment('visits')
   * await client.decrement('stock', { by: 2, min: 0 }) // never below zero
   */
  increment(key: string, options?: IncrementOptions): Promise<Item<number | bigint>>
  /** Subtracts 1, or `by`. @throws NotANumberError, OutOfBoundsError, TtlRequiredError, PreconditionFailedError */
  decrement(key: string, options?: IncrementOptions): Promise<Item<number | bigint>>
}

/** Members of an increment, each with its name in the API. */
export const additionNames = {
  by: 'by',
  initial: 'initial',
  min: 'min',
  max: 'max',
  ttl: 'ttl',
  keepTtl: 'keep_ttl',
  refreshTtl: 'refresh_ttl',
  requireTtl: 'require_ttl',
} as const satisfies Record<keyof Addition, string> & WireNames<Body<'incrementItem'>>

const incrementNames = { ...additionNames, ...conditionNames, ...writeNames } satisfies Record<keyof IncrementOptions, string>

export const createCounters = (send: Send): Counters => {
  const add = async (method: string, key: string, options: IncrementOptions, sign: 1 | -1): Promise<Item<number | bigint>> => {
    const what = named(method, key)
    checkOptions(what, options, incrementNames)
    const body = bodyMembers(what, sign === 1 ? options : negated(options), additionNames)
    const response = await send(what, 'incrementItem', { params: { key }, headers: conditionHeaders(what, options), body }, options)
    return camelCased(response.body) as Item<number | bigint>
  }
  return {
    increment: (key, options = {}) => add('increment', key, options, 1),
    decrement: (key, options = {}) => add('decrement', key, options, -1),
  }
}

/** Returns the addition with the opposite sign. */
export const negated = <A extends Addition>(addition: A): A => ({ ...addition, by: -(addition.by ?? 1) })
