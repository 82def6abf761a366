import { defaultNamespace } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { IdempotencyKey } from '../idempotency/idempotency-key.js'
import { getRecord } from '../idempotency/sql/idempotency-records.js'
import type { PutElement } from '../items/batch-put.js'
import { tooLarge } from '../items/item-errors.js'
import type { ItemStore } from '../items/item-store.js'
import type { OperationContext } from '../items/operation-context.js'
import { memberText } from '../lib/json-span.js'
import type { Pool } from '../postgres/pool.js'
import type { TransactionOperation } from '../transactions/apply-operations.js'
import { createItemQuota } from './item-quota.js'
import type { NamespaceSettings, ReadSettings } from './namespace-settings.js'
import { limitedTtl } from './ttl-limits.js'

const isUnbounded = ({ default_ttl, max_ttl, max_value_bytes, max_items }: NamespaceSettings): boolean =>
  default_ttl === null && max_ttl === null && max_value_bytes === null && max_items === null

/** @throws ApiError too_large */
const checkValue = ({ max_value_bytes: most }: NamespaceSettings, body: string): void => {
  // No UTF-16 unit takes more than three bytes.
  if (most !== null && body.length * 3 > most && Buffer.byteLength(memberText(body, 'value') ?? '') > most) throw tooLarge(most)
}

const limitedOperation = (settings: NamespaceSettings, step: TransactionOperation, place: number): TransactionOperation => {
  const path = `body.operations.${place}`
  if (step.op === 'set') return { ...step, ttl: limitedTtl(settings, step, path) }
  if (step.op === 'increment') return { ...step, ttl: limitedTtl(settings, { ttl: step.ttl, expiresAt: null, forever: false }, path) }
  return step
}

/** A put of a batch within the settings of its namespace; one that breaks them is rejected, and the others are not. */
const limitedPut = (settings: NamespaceSettings, put: PutElement, index: number): PutElement => {
  const { max_value_bytes: most } = settings
  try {
    if (most !== null && Buffer.byteLength(put.value) > most) throw tooLarge(most)
    return { ...put, ttl: limitedTtl(settings, put, `body.items.${index}`) }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return { ...put, refusal: error }
  }
}

/** The keys that have an item after a transaction that writes them, and those that have none. */
const lastWrites = (steps: readonly TransactionOperation[]): { readonly keys: string[]; readonly removes: string[] } => {
  const last = new Map(steps.filter(({ op }) => op !== 'get').map(({ key, op }) => [key, op]))
  const keysOf = (removed: boolean) => [...last].filter(([, op]) => (op === 'delete') === removed).map(([key]) => key)
  return { keys: keysOf(false), removes: keysOf(true) }
}

/** Items within the settings of their namespaces. Where a namespace has none this costs a look at what is known of it. */
export const createNamespaceLimits = (items: ItemStore, settings: ReadSettings, pool: Pool): ItemStore => {
  const isRecorded = async ({ id }: IdempotencyKey, deadline: number): Promise<boolean> =>
    (await pool.run(getRecord, { recordId: id }, deadline)).length > 0
  const { room, hold } = createItemQuota(pool, isRecorded)

  /** @throws ApiError forbidden */
  const settingsOf = async ({ namespace, deadline, canCreateNamespace }: OperationContext): Promise<NamespaceSettings> => {
    const known = await settings.of(namespace, deadline)
    if (known.exists || canCreateNamespace || namespace === defaultNamespace) return known
    // Somebody else may have made it since.
    settings.forget(namespace)
    const now = await settings.of(namespace, deadline)
    if (!now.exists) {
      throw new ApiError('forbidden', 'there is no such namespace, and the API key may not make one')
    }
    return now
  }

  /** The settings that a write is held to; undefined where there are none, or the write was made before, and is only answered again. */
  const boundsOf = async (context: OperationContext, record: IdempotencyKey | undefined): Promise<NamespaceSettings | undefined> => {
    const bounds = await settingsOf(context)
    if (isUnbounded(bounds) || (record !== undefined && (await isRecorded(record, context.deadline)))) return undefined
    return bounds
  }

  return {
    ...items,

    put: async (context, put) => {
      const bounds = await boundsOf(context, put.record)
      if (bounds === undefined) return items.put(context, put)
      checkValue(bounds, put.body)
      const bounded = { ...put, ttl: limitedTtl(bounds, put) }
      if (put.ifMatch !== null) return hold(bounds, context.namespace, [put.key], () => items.put(context, bounded))
      const creation = { namespace: context.namespace, keys: [put.key], record: put.record }
      return room(bounds, creation, context.deadline, () => items.put(context, bounded))
    },

    patch: async (context, patch) => {
      const bounds = await boundsOf(context, patch.record)
      if (bounds === undefined) return items.patch(context, patch)
      const ttl = patch.keepTtl ? null : limitedTtl(bounds, patch)
      const bounded = { ...patch, ttl, valueBytesMax: bounds.max_value_bytes ?? undefined }
      return hold(bounds, context.namespace, [patch.key], () => items.patch(context, bounded))
    },

    increment: async (context, increment) => {
      const bounds = await boundsOf(context, increment.record)
      if (bounds === undefined) return items.increment(context, increment)
      const ttl = limitedTtl(bounds, { ttl: increment.ttl, expiresAt: null, forever: false })
      const creation = { namespace: context.namespace, keys: [increment.key], record: increment.record }
      return room(bounds, creation, context.deadline, () => items.increment(context, { ...increment, ttl }))
    },

    putMany: async (context, batch) => {
      const bounds = await boundsOf(context, batch.record)
      if (bounds === undefined) return items.putMany(context, batch)
      const puts = batch.puts.map((put, index) => limitedPut(bounds, put, index))
      const { namespace, deadline } = context
      const tried = puts.filter(({ refusal }) => refusal === undefined)
      const keysOf = (elements: readonly PutElement[]): string[] => elements.map(({ key }) => key)
      const creation = { namespace, keys: keysOf(tried.filter(({ ifMatch }) => ifMatch === null)), record: batch.record }
      const others = keysOf(tried.filter(({ ifMatch }) => ifMatch !== null))
      const run = (mayCreate: boolean, held: readonly string[]) =>
        hold(bounds, namespace, held, () => items.putMany(context, { ...batch, puts, mayCreate }))
      try {
        return await room(bounds, creation, deadline, () => run(true, others))
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 'namespace_full') throw error
        // Items that exist can be written all the same.
        return run(false, keysOf(tried))
      }
    },

    // These are not bounded; they wait as the others do, so that writes keep their order of arrival.
    delete: async (context, deletion) => {
      await settings.of(context.namespace, context.deadline)
      return items.delete(context, deletion)
    },

    deleteMany: async (context, batch) => {
      await settings.of(context.namespace, context.deadline)
      return items.deleteMany(context, batch)
    },

    deletePrefix: async (context, prefix, record) => {
      await settings.of(context.namespace, context.deadline)
      return items.deletePrefix(context, prefix, record)
    },

    transact: async (context, transaction) => {
      const bounds = await boundsOf(context, transaction.record)
      if (bounds === undefined) return items.transact(context, transaction)
      const steps = transaction.steps.map((step, place) => limitedOperation(bounds, step, place))
      const creation = { namespace: context.namespace, ...lastWrites(steps), record: transaction.record }
      const bounded = { ...transaction, steps, valueBytesMax: bounds.max_value_bytes ?? undefined }
      return room(bounds, creation, context.deadline, () => items.transact(context, bounded))
    },
  }
}
