import type { Call } from './call.js'
import { type Conditions, conditionHeaders } from './conditions.js'
import { bodyMembers, type WriteOptions } from './options.js'
import type { Addition, Body, Item } from './types.js'

/** Options of {@link Counters.increment} and {@link Counters.decrement}. */
export interface IncrementOptions extends Addition, Conditions, WriteOptions {}

/** Counters: items whose value is a number. */
export interface Counters {
  /**
   * Adds 1, or `by`, and creates the counter where there is none. A value beyond 2^53 comes as a bigint.
   * @throws NotANumberError, OutOfBoundsError, PreconditionFailedError
   * @example
   * await client.increment('visits')
   * await client.decrement('stock', { by: 2, min: 0 }) // never below zero
   */
  increment(key: string, options?: IncrementOptions): Promise<Item<number | bigint>>
  /** Subtracts 1, or `by`. @throws NotANumberError, OutOfBoundsError, PreconditionFailedError */
  decrement(key: string, options?: IncrementOptions): Promise<Item<number | bigint>>
}

export const createCounters = (call: Call): Counters => {
  const increment = async (key: string, options: IncrementOptions = {}): Promise<Item<number | bigint>> => {
    // Numbers are written with all their digits, bigints too, which the contract of a JSON body cannot say.
    const body = bodyMembers(options) as Body<'incrementItem'>
    const answer = await call('incrementItem', { params: { key }, headers: conditionHeaders(options), body }, options)
    return answer.body as Item<number | bigint>
  }
  return { increment, decrement: (key, options = {}) => increment(key, { ...options, by: -(options.by ?? 1) }) }
}
