import { ApiError, invalid } from '../http/api-error.js'
import { addTo, ttlRequired } from '../items/addition.js'
import { tooLarge } from '../items/item-errors.js'
import type { TransactionOperation } from '../items/operation.js'
import type { StoredItem } from '../items/stored-item.js'
import { isLongerThan } from '../items/value-size.js'
import { JsonText } from '../lib/json-text.js'

/** The result of an operation: the item, null if a get found none, or whether a delete found one. */
export type OperationResult = StoredItem | { readonly key: string; readonly deleted: boolean } | null

/** The state that operations are applied to, and the settings that apply. */
export interface TransactionContext {
  /** The live items by key. The operations change them. */
  readonly items: Map<string, StoredItem>
  /** The time of the transaction. RFC 3339 in UTC. */
  readonly now: string
  /** The versions of the writes, in order. */
  readonly versions: readonly string[]
  readonly valueBytesMax: number
  /** Whether the results of writes need their values. */
  readonly wantValues: boolean
}

const after = (now: string, seconds: number): string => new Date(Date.parse(now) + seconds * 1000).toISOString()

/** Tells whether an operation takes a version. */
export const isWrite = ({ op }: TransactionOperation): boolean => op === 'put' || op === 'increment'

/** Computes the value and the expiry that a write gives an item. */
const written = (
  operation: TransactionOperation,
  before: StoredItem | undefined,
  context: TransactionContext,
): Pick<StoredItem, 'value' | 'expires_at'> => {
  const { now, valueBytesMax } = context
  if (operation.op === 'put') {
    if (isLongerThan(operation.value, valueBytesMax)) throw tooLarge(valueBytesMax)
    const { ttl, expiresAt, keepTtl } = operation
    const given = ttl === null ? expiresAt : after(now, ttl)
    return { value: new JsonText(operation.value), expires_at: keepTtl && before !== undefined ? before.expires_at : given }
  }
  if (operation.op !== 'increment') throw new Error(`the operation ${operation.op} writes nothing`)
  const { ttl, refreshTtl, requireTtl } = operation
  const begins = ttl !== null && (refreshTtl || before === undefined)
  const expires_at = begins ? after(now, ttl) : (before?.expires_at ?? null)
  if (requireTtl && expires_at === null) throw ttlRequired(before?.version ?? null)
  return {
    value: new JsonText(addTo(before && { ...before, value: before.value?.text ?? '' }, operation)),
    expires_at,
  }
}

/** Adds the index of the failed operation to an error. */
const withFailedOperation = (error: unknown, index: number): unknown => {
  if (!(error instanceof ApiError)) return error
  const { code, message, details } = error
  const extensions = { version: details.version, ...details.extensions, failed_operation: index }
  if (details.faults !== undefined) return new ApiError(code, message, { faults: details.faults, extensions })
  return new ApiError(code, `operations.${index}: ${message}`, { extensions })
}

/**
 * Applies operations to the items in order, and returns their results.
 * @throws ApiError not_a_number, out_of_bounds, ttl_required, too_large, validation_failed, with the index of the operation
 */
export const applyOperations = (operations: readonly TransactionOperation[], context: TransactionContext): OperationResult[] => {
  const { items, now, versions, wantValues } = context
  let taken = 0
  return operations.map((operation, index) => {
    const { op, key } = operation
    const before = items.get(key)
    if (op === 'get') return before ?? null
    if (op === 'delete') return { key, deleted: items.delete(key) }
    try {
      if (op === 'put' && operation.expiresAt !== null && operation.expiresAt <= now) {
        throw invalid(`body.operations.${index}.expires_at`, 'must be in the future')
      }
      const version = versions[taken++] ?? ''
      const { value, expires_at } = written(operation, before, context)
      const { created_version, created_at } = before ?? { created_version: version, created_at: now }
      const item = { key, value, version, created_version, created_at, updated_at: now, expires_at }
      items.set(key, item)
      return wantValues ? item : { ...item, value: undefined }
    } catch (error) {
      throw withFailedOperation(error, index)
    }
  })
}
