import { ApiError, type ApiErrorDetails } from '../http/api-error.js'
import type { IdempotencyKey } from '../idempotency/idempotency-key.js'
import type { RequestedExpiry } from '../namespaces/ttl-limits.js'
import type { Pool } from '../postgres/pool.js'
import { createBatchWrite } from './batch-write.js'
import { expiresAtPast, preconditionFailed, tooLarge } from './item-errors.js'
import type { Conditions } from './operation.js'
import { type BatchPutItems, type BatchPutRow, batchPutItems, type PutRules } from './sql/batch-put-items.js'
import { type StoredItem, toItem } from './stored-item.js'
import type { WriteSettings } from './write-batcher.js'

/** One put of a batch. */
export interface PutElement extends Conditions, RequestedExpiry {
  readonly key: string
  /** JSON text. */
  readonly value: string
  readonly keepTtl: boolean
  /** Why it is rejected without being tried. */
  readonly refusal?: ApiError | undefined
}

/** Several puts of one request. No key may come twice. */
export interface BatchPut {
  readonly puts: readonly PutElement[]
  /** Whether items may be created. */
  readonly mayCreate: boolean
  /** Bytes of the request. */
  readonly bytes: number
  readonly record: IdempotencyKey | undefined
}

/** What became of one put: its item without the value, or why it was rejected. */
export type PutOutcome = { readonly created: boolean; readonly item: StoredItem } | ApiError

/** A refusal as a record holds it. */
type StoredError = Pick<ApiError, 'code' | 'message'> & { readonly details: Pick<ApiErrorDetails, 'faults'> }

const errorText = ({ code, message, details: { faults } }: ApiError): string => {
  const stored: StoredError = { code, message, details: faults === undefined ? {} : { faults } }
  return JSON.stringify(stored)
}

const rulesOf = ({ ifMatch, ifNoneMatch, keepTtl, ttl, expiresAt }: PutElement, mayCreate: boolean): PutRules | undefined =>
  mayCreate && ifMatch === null && ifNoneMatch === null && !keepTtl && expiresAt === null
    ? undefined
    : { if_match: ifMatch, if_none_match: ifNoneMatch, keep_ttl: keepTtl, ttl, expires_at: expiresAt }

const toArrays = (namespace: string, { puts, mayCreate }: BatchPut, valueBytesMax: number): BatchPutItems => {
  const rules = puts.flatMap((put) => {
    const own = rulesOf(put, mayCreate)
    return own === undefined ? [] : [[put.key, own]]
  })
  return {
    namespace,
    keys: puts.map(({ key }) => key),
    values: puts.map(({ value }) => value),
    ttls: puts.map(({ ttl }) => ttl),
    expiresAts: puts.map(({ expiresAt }) => expiresAt),
    ifMatches: puts.map(({ ifMatch }) => ifMatch),
    ifNoneMatches: puts.map(({ ifNoneMatch }) => ifNoneMatch),
    refusals: puts.map(({ value, refusal }) => {
      const own = refusal ?? (Buffer.byteLength(value) > valueBytesMax ? tooLarge(valueBytesMax) : undefined)
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

/** Makes the verb that writes several items, each whatever becomes of the others. */
export const createBatchPut = (pool: Pool, settings: WriteSettings & { readonly valueBytesMax: number }) => {
  const run = createBatchWrite<BatchPutItems, BatchPutRow>(pool, settings, { name: 'batch_put', statement: batchPutItems })

  return async (namespace: string, batch: BatchPut, deadline: number) => {
    const { bytes, record } = batch
    const { outcomes, replayed } = await run({ params: toArrays(namespace, batch, settings.valueBytesMax), bytes, record }, deadline)
    return { outcomes: outcomes.map(toOutcome), replayed: replayed === true }
  }
}
