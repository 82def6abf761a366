import { ApiError } from '../http/api-error.js'
import { addNumbers, type ExactNumber, int64, isKept, numberText, readNumber } from './exact-number.js'
import { toRfc3339 } from './sql/item-row.js'

/** What to add to a counter. */
export interface Addition {
  readonly by: ExactNumber
  /** Starting value of a missing counter. */
  readonly initial: ExactNumber
  /** Bounds of the result; null for those of the number type. */
  readonly min: ExactNumber | null
  readonly max: ExactNumber | null
}

/** A counter that exists. */
export interface Counter {
  /** JSON text. */
  readonly value: string
  readonly version: string
  /** RFC 3339; null if it never expires. */
  readonly expires_at: string | null
}

/** Converts a row of a statement to a counter. */
export const toCounter = ({ value, version, expires_at }: Counter): Counter => ({
  value,
  version,
  expires_at: expires_at === null ? null : toRfc3339(expires_at),
})

/** Creates the error for a sum that is out of bounds. `counter` is undefined if it does not exist. */
export const outOfBounds = (counter: Counter | undefined): ApiError => {
  if (counter === undefined) return new ApiError('out_of_bounds', 'A new counter would be out of bounds.')
  const { value, version, expires_at } = counter
  return new ApiError('out_of_bounds', `The counter is ${value.length > 40 ? 'very long' : value} and was not changed.`, {
    version,
    extensions: { value, expires_at },
  })
}

/**
 * Returns the JSON text of the sum. `counter` is undefined if it does not exist.
 * @throws ApiError not_a_number, out_of_bounds
 */
export const addTo = (counter: Counter | undefined, { by, initial, min, max }: Addition): string => {
  const before = counter === undefined ? initial : readNumber(counter.value)
  if (before === undefined) throw new ApiError('not_a_number', 'The value of the item is not a number.', { version: counter?.version })
  const sum = addNumbers(before, by)
  if (!isKept(sum) || (min !== null && sum < min) || (max !== null && sum > max)) throw outOfBounds(counter)
  return numberText(sum)
}

/**
 * Creates the error for a counter that would never expire.
 * @param version of the counter; null if it does not exist
 */
export const ttlRequired = (version: string | null): ApiError => {
  const detail = version === null ? 'A new counter would never expire. Send a ttl.' : 'The counter exists and never expires.'
  return new ApiError('ttl_required', detail, { version: version ?? undefined })
}

/** Returns the smallest and the largest integer that a counter may become. If no integer is within the bounds, min is more than max. */
export const integerBounds = ({ min, max }: Pick<Addition, 'min' | 'max'>): { min: bigint; max: bigint } => {
  const least = typeof min === 'number' ? BigInt(Math.ceil(min)) : (min ?? int64.min)
  const most = typeof max === 'number' ? BigInt(Math.floor(max)) : (max ?? int64.max)
  return { min: least < int64.min ? int64.min : least, max: most > int64.max ? int64.max : most }
}
