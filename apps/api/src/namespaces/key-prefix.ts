import { ApiError } from '../http/api-error.js'
import type { Caller } from '../http/caller.js'
import type { RangeOperation } from '../items/operation.js'

const outsidePrefix = (prefix: string): ApiError =>
  new ApiError('forbidden', `The API key is restricted to keys that start with ${JSON.stringify(prefix)}.`)

/**
 * Checks that the caller's API key may use a key.
 * @throws ApiError forbidden
 */
export const checkKey = (caller: Caller | undefined, key: string): void => {
  const prefix = caller?.prefix ?? null
  if (prefix !== null && !key.startsWith(prefix)) throw outsidePrefix(prefix)
}

/**
 * Returns the prefix of the keys that a caller may read among those with a prefix.
 * @throws ApiError forbidden if there are none
 */
export const narrowPrefix = (caller: Caller | undefined, prefix: string): string => {
  const allowed = caller?.prefix ?? ''
  if (prefix.startsWith(allowed)) return prefix
  if (!allowed.startsWith(prefix)) throw outsidePrefix(allowed)
  return allowed
}

/**
 * Keeps an operation on a range of keys within the prefix of the caller's API key. A list is narrowed to the prefix, and rejected if it has
 * no key in common with it. A deletion is rejected unless all its keys have the prefix.
 * @throws ApiError forbidden
 */
export const limitRange = <Op extends RangeOperation>(caller: Caller | undefined, operation: Op): Op => {
  const prefix = caller?.prefix ?? null
  if (prefix === null || operation.prefix.startsWith(prefix)) return operation
  const range: RangeOperation = operation
  switch (range.op) {
    case 'list':
      return { ...operation, prefix: narrowPrefix(caller, range.prefix) }
    case 'delete_prefix':
      throw outsidePrefix(prefix)
    default:
      return range satisfies never
  }
}
