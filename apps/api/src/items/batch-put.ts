import { ApiError, type ApiErrorDetails } from '../http/api-error.js'
import type { Once } from '../idempotency/run-once.js'
import { createBatchWrite } from './batch-write.js'
import { expiresAtPast, preconditionFailed, tooLarge } from './item-errors.js'
import type { PutOperation } from './operation.js'
import type { OperationContext } from './operation-context.js'
import { isLongerThan, valueText } from './put-value.js'
import { type BatchPutItems, type BatchPutRow, batchPutItems, type PutRules } from './sql/batch-put-items.js'
import { type StoredItem, toItem } from './stored-item.js'
import type { ItemDatabase } from './write-batcher.js'

/** Several puts of one request. No key may occur twice. */
export interface BatchPut {
  readonly operations: readonly PutOperation[]
  /** The error of each put that must not be tried; undefined for the others. */
  readonly rejections?: readonly (ApiError | undefined)[]
  /** Whether items may be created. Default: true. */
  readonly mayCreate?: boolean
}

/** What became of one put: its item without the value, or why it was rejected. */
export type PutOutcome = { readonly created: boolean; readonly item: StoredItem } | ApiError

/** A refusal as a record holds it. */
type StoredError = Pick<ApiError, 'code' | 'message'> & { readonly details: Pick<ApiErrorDetails, 'faults'> }

const errorText = ({ code, message, details: { faults } }: ApiError): string => {
  const stored: StoredError = { code, message, details: faults === undefined ? {} : { faults } }
  return JSON.stringify(stored)
}

const rulesOf = ({ ifMatch, ifNoneMatch, keepTtl, ttl, expiresAt }: PutOperation, mayCreate: boolean): PutRules | undefined =>
  mayCreate && ifMatch === null && ifNoneMatch === null && !keepTtl && expiresAt === null
    ? undefined
    : { if_match: ifMatch, if_none_match: ifNoneMatch, keep_ttl: keepTtl, ttl, expires_at: expiresAt }

const toBatchPutItems = (
  namespace: string,
  { operations, rejections = [], mayCreate = true }: BatchPut,
  valueBytesMax: number,
): BatchPutItems => {
  const rules = operations.flatMap((put) => {
    const own = rulesOf(put, mayCreate)
    return own === undefined ? [] : [[put.key, own]]
  })
  return {
    namespace,
    keys: operations.map(({ key }) => key),
    values: operations.map(({ value }) => valueText(value)),
    ttls: operations.map(({ ttl }) => ttl),
    expiresAts: operations.map(({ expiresAt }) => expiresAt),
    ifMatches: operations.map(({ ifMatch }) => ifMatch),
    ifNoneMatches: operations.map(({ ifNoneMatch }) => ifNoneMatch),
    refusals: operations.map(({ value }, index) => {
      const own = rejections[index] ?? (isLongerThan(value, valueBytesMax) ? tooLarge(valueBytesMax) : undefined)
      return own === undefined ? null : errorText(own)
    }),
    rules: rules.length === 0 ? null : JSON.stringify(Object.fromEntries(rules)),
    mayCreate,
  }
}

const toOutcome = (row: BatchPutRow): PutOutcome => {
  switch (row.outcome) {
    case 'created':
    case 'replaced':
      return { created: row.outcome === 'created', item: toItem({ ...row, value: null }) }
    case 'precondition_failed':
      return preconditionFailed(row.version)
    case 'expires_at_past':
      return expiresAtPast(`body.items.${row.ordinal - 1}.expires_at`)
    case 'full':
      return namespaceFull()
    case 'refused': {
      const { code, message, details }: StoredError = JSON.parse(row.refusal)
      return new ApiError(code, message, details)
    }
  }
}

const namespaceFull = (): ApiError =>
  new ApiError('namespace_full', 'The namespace has no room for all items that the batch would create, so it created none of them.')

/** Creates the function that writes several items in one statement. */
export const createBatchPut = (database: ItemDatabase, once: Once) => {
  const run = createBatchWrite<BatchPutItems, BatchPutRow>(database, once, { name: 'batch_put', statement: batchPutItems })
  return async (context: OperationContext, batch: BatchPut) => {
    const params = toBatchPutItems(context.namespace, batch, database.valueBytesMax)
    const { outcomes, replayed } = await run(context, params)
    return { outcomes: outcomes.map(toOutcome), replayed: replayed === true }
  }
}
