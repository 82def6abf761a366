import { defaultNamespace } from '@holdfast/contracts'
import { requireScope } from '../api-keys/authorize.js'
import { ApiError } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import { getRecord } from '../idempotency/sql/idempotency-records.js'
import type { ItemStore } from '../items/item-store.js'
import type { ItemOperation, PutOperation } from '../items/operation.js'
import type { Pool } from '../postgres/pool.js'
import { createItemQuota } from './item-quota.js'
import { checkKey, limitRange } from './key-prefix.js'
import { effectOf, isRead, limitOperation } from './limit-operation.js'
import type { NamespaceSettings, ReadSettings } from './namespace-settings.js'

const isUnlimited = ({ default_ttl, max_ttl, max_value_bytes, max_items }: NamespaceSettings): boolean =>
  default_ttl === null && max_ttl === null && max_value_bytes === null && max_items === null

/** @throws ApiError forbidden */
const checkCaller = ({ caller }: OperationContext, operation: ItemOperation): void => {
  if (caller === undefined) return
  checkKey(caller, operation.key)
  if (isRead(operation)) requireScope(caller, 'read')
}

/** @throws ApiError forbidden */
const checkAll = (context: OperationContext, operations: readonly ItemOperation[]): void => {
  for (const operation of operations) checkCaller(context, operation)
}

/** Applies limits to the puts of a batch. One that breaks them is rejected by itself. */
const limitPuts = (settings: NamespaceSettings, operations: readonly PutOperation[]) => {
  const rejections: (ApiError | undefined)[] = []
  const limited = operations.map((put, index) => {
    try {
      return limitOperation(settings, put, { path: `body.items.${index}` })
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      rejections[index] = error
      return put
    }
  })
  return { operations: limited, rejections }
}

/** Returns the keys that have an item after a transaction of writes, and those that have none. */
const lastEffects = (operations: readonly ItemOperation[]): { readonly keys: string[]; readonly removes: string[] } => {
  const last = new Map(
    operations.map((operation) => [operation.key, effectOf(operation)] as const).filter(([, effect]) => effect !== 'reads'),
  )
  const keysOf = (removed: boolean) => [...last].filter(([, effect]) => (effect === 'removes') === removed).map(([key]) => key)
  return { keys: keysOf(false), removes: keysOf(true) }
}

const keysOf = (operations: readonly ItemOperation[]): string[] => operations.map(({ key }) => key)

/**
 * Wraps the store with the limits that every operation passes: the prefix of the caller's API key and the settings of the namespace. In a
 * namespace without settings this costs one lookup in a cache.
 */
export const createLimitsGate = (store: ItemStore, settings: ReadSettings, pool: Pool): ItemStore => {
  const isRecorded = async (context: OperationContext): Promise<boolean> => {
    const { idempotencyKey, deadline } = context
    return idempotencyKey !== undefined && (await pool.run(getRecord, { recordId: idempotencyKey.id }, deadline)).length > 0
  }
  const { room, hold } = createItemQuota(pool, isRecorded)

  /** @throws ApiError forbidden */
  const settingsOf = async ({ namespace, deadline, canCreateNamespace }: OperationContext): Promise<NamespaceSettings> => {
    const known = await settings.of(namespace, deadline)
    if (known.exists || canCreateNamespace || namespace === defaultNamespace) return known
    // It may have been created since the settings were cached.
    settings.forget(namespace)
    const now = await settings.of(namespace, deadline)
    if (!now.exists) throw new ApiError('forbidden', 'The namespace does not exist, and the API key may not create it.')
    return now
  }

  /** Returns the settings that limit a write; undefined if there are none, or if the write was recorded and is only replayed. */
  const limitsOf = async (context: OperationContext): Promise<NamespaceSettings | undefined> => {
    const limits = await settingsOf(context)
    return isUnlimited(limits) || (await isRecorded(context)) ? undefined : limits
  }

  /** Deletes have no limits. They wait for the settings as other writes do, so that writes keep their order of arrival. */
  const waitAsWrite = async ({ namespace, deadline }: OperationContext): Promise<void> => {
    await settings.of(namespace, deadline)
  }

  return {
    run: async (context, operation) => {
      checkCaller(context, operation)
      const effect = effectOf(operation)
      if (effect === 'reads') return store.run(context, operation)
      if (effect === 'removes') {
        await waitAsWrite(context)
        return store.run(context, operation)
      }
      const limits = await limitsOf(context)
      if (limits === undefined) return store.run(context, operation)
      const limited = limitOperation(limits, operation)
      const run = () => store.run(context, limited)
      if (effect === 'keeps') return hold(limits, context.namespace, [operation.key], run)
      return room(limits, context, { keys: [operation.key] }, run)
    },

    getMany: async (context, operations) => {
      checkAll(context, operations)
      return store.getMany(context, operations)
    },

    putMany: async (context, batch) => {
      checkAll(context, batch.operations)
      const limits = await limitsOf(context)
      if (limits === undefined) return store.putMany(context, batch)
      const limited = limitPuts(limits, batch.operations)
      const tried = limited.operations.filter((_, index) => limited.rejections[index] === undefined)
      const creating = tried.filter((operation) => effectOf(operation) === 'creates')
      const others = tried.filter((operation) => effectOf(operation) !== 'creates')
      const run = (mayCreate: boolean, held: readonly string[]) =>
        hold(limits, context.namespace, held, () => store.putMany(context, { ...limited, mayCreate }))
      try {
        return await room(limits, context, { keys: keysOf(creating) }, () => run(true, keysOf(others)))
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 'namespace_full') throw error
        // Items that exist can still be written.
        return run(false, keysOf(tried))
      }
    },

    deleteMany: async (context, operations) => {
      checkAll(context, operations)
      await waitAsWrite(context)
      return store.deleteMany(context, operations)
    },

    transact: async (context, transaction) => {
      checkAll(context, transaction.operations)
      for (const { key } of transaction.checks) checkKey(context.caller, key)
      const limits = await limitsOf(context)
      if (limits === undefined) return store.transact(context, transaction)
      const operations = transaction.operations.map((operation, index) =>
        limitOperation(limits, operation, { path: `body.operations.${index}`, checkValue: false }),
      )
      const limited = { ...transaction, operations, valueBytesMax: limits.max_value_bytes ?? undefined }
      return room(limits, context, lastEffects(operations), () => store.transact(context, limited))
    },

    list: async (context, operation) => store.list(context, limitRange(context.caller, operation)),

    deletePrefix: async (context, operation) => {
      const limited = limitRange(context.caller, operation)
      await waitAsWrite(context)
      return store.deletePrefix(context, limited)
    },
  }
}
