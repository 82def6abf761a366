import { ApiError, invalid } from '../http/api-error.js'
import { addTo, ttlRequired } from '../items/addition.js'
import { tooLarge } from '../items/item-errors.js'
import type { TransactionOperation } from '../items/operation.js'
import { isLongerThan, valueText } from '../items/put-value.js'
import type { StoredItem } from '../items/stored-item.js'
import { JsonText } from '../lib/json-text.js'

/** What a step answers. */
export type OperationResult = StoredItem | { readonly key: string; readonly deleted: boolean } | null

/** What the steps of a transaction are applied to, and by. */
export interface TransactionContext {
  /** The live items by key, which the steps change. */
  readonly items: Map<string, StoredItem>
  /** The instant of the transaction. */
  readonly now: string
  /** Versions in the order in which writes take them. */
  readonly versions: readonly string[]
  readonly valueBytesMax: number
  /** Whether the answers to writes have their values. */
  readonly wantValues: boolean
}

const after = (now: string, seconds: number): string => new Date(Date.parse(now) + seconds * 1000).toISOString()

/** Whether a step takes a version. */
export const isWrite = ({ op }: TransactionOperation): boolean => op === 'put' || op === 'increment'

/** The item that a step makes of the one that is there. */
const written = (
  step: TransactionOperation,
  before: StoredItem | undefined,
  context: TransactionContext,
): Pick<StoredItem, 'value' | 'expires_at'> => {
  const { now, valueBytesMax } = context
  if (step.op === 'put') {
    if (isLongerThan(step.value, valueBytesMax)) throw tooLarge(valueBytesMax)
    const { ttl, expiresAt, keepTtl } = step
    const given = ttl === null ? expiresAt : after(now, ttl)
    return { value: new JsonText(valueText(step.value)), expires_at: keepTtl && before !== undefined ? before.expires_at : given }
  }
  if (step.op !== 'increment') throw new Error(`${step.op} writes nothing`)
  const { ttl, refreshTtl, requireTtl } = step
  const begins = ttl !== null && (refreshTtl || before === undefined)
  const expires_at = begins ? after(now, ttl) : (before?.expires_at ?? null)
  if (requireTtl && expires_at === null) throw ttlRequired(before?.version ?? null)
  return {
    value: new JsonText(addTo(before && { ...before, value: before.value?.text ?? '' }, step)),
    expires_at,
  }
}

/** Says of a refusal which step it is about. */
const withFailedOperation = (error: unknown, index: number): unknown => {
  if (!(error instanceof ApiError)) return error
  const { code, message, details } = error
  const extensions = { version: details.version, ...details.extensions, failed_operation: index }
  if (details.faults !== undefined) return new ApiError(code, message, { faults: details.faults, extensions })
  return new ApiError(code, `operations.${index}: ${message}`, { extensions })
}

/**
 * Applies the steps in their order to the items and answers what became of each.
 * @throws ApiError not_a_number, out_of_bounds, ttl_required, too_large, validation_failed, with the place of the step
 */
export const applyOperations = (steps: readonly TransactionOperation[], context: TransactionContext): OperationResult[] => {
  const { items, now, versions, wantValues } = context
  let taken = 0
  return steps.map((step, index) => {
    const { op, key } = step
    const before = items.get(key)
    if (op === 'get') return before ?? null
    if (op === 'delete') return { key, deleted: items.delete(key) }
    try {
      if (op === 'put' && step.expiresAt !== null && step.expiresAt <= now) {
        throw invalid(`body.operations.${index}.expires_at`, 'must be in the future')
      }
      const version = versions[taken++] ?? ''
      const { value, expires_at } = written(step, before, context)
      const { created_version, created_at } = before ?? { created_version: version, created_at: now }
      const item = { key, value, version, created_version, created_at, updated_at: now, expires_at }
      items.set(key, item)
      return wantValues ? item : { ...item, value: undefined }
    } catch (error) {
      throw withFailedOperation(error, index)
    }
  })
}
