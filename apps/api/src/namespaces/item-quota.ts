import { ApiError } from '../http/api-error.js'
import type { OperationContext } from '../http/operation-context.js'
import { DatabaseOverloaded } from '../postgres/errors.js'
import type { Pool } from '../postgres/pool.js'
import { lockMinRemainingMs } from '../postgres/retry.js'
import type { NamespaceSettings } from './namespace-settings.js'
import { createQuotaGate } from './quota-gate.js'
import { namespaceRoom } from './sql/namespace-rows.js'

/** What a write may do to the number of items. */
interface Creation {
  /** Keys that it may create, each once. */
  readonly keys: readonly string[]
  /** Keys that it certainly removes if it is applied, each once. */
  readonly removes?: readonly string[]
}

/**
 * Creates the quotas that enforce `max_items`. With several processes a namespace may have one item too many for each further process.
 * @param isRecorded tells whether an earlier request applied a write, so that it creates nothing
 */
export const createItemQuota = (pool: Pool, isRecorded: (context: OperationContext) => Promise<boolean>) => {
  const gates = new Map<string, ReturnType<typeof createQuotaGate>>()

  const gateOf = (namespace: string) => {
    const known = gates.get(namespace)
    if (known !== undefined) return known
    const gate = createQuotaGate({
      count: async (keys, enough, deadline) => {
        const [counted] = await pool.run(namespaceRoom, { namespace, keys, enough }, deadline)
        if (counted === undefined) throw new Error('a statement returned no row')
        return counted
      },
      minRemainingMs: lockMinRemainingMs,
      overloaded: () => new DatabaseOverloaded('writes in progress may fill the namespace'),
    })
    gates.set(namespace, gate)
    return gate
  }

  const leave = (namespace: string, keys: readonly string[]): void => {
    const gate = gates.get(namespace)
    gate?.leave(keys)
    if (gate?.idle()) gates.delete(namespace)
  }

  const holding = async <T>(namespace: string, keys: readonly string[], run: () => Promise<T>): Promise<T> => {
    try {
      return await run()
    } finally {
      leave(namespace, keys)
    }
  }

  return {
    /**
     * Runs a write if the namespace has room for the items that it may create.
     * @throws ApiError namespace_full
     */
    room: async <T>(
      { max_items }: NamespaceSettings,
      context: OperationContext,
      { keys, removes = [] }: Creation,
      run: () => Promise<T>,
    ): Promise<T> => {
      if (max_items === null) return run()
      const { namespace, deadline } = context
      const decision = await gateOf(namespace).enter({ creates: keys, removes, itemsMax: max_items, deadline })
      if (decision === 'entered') return holding(namespace, keys, run)
      if (await isRecorded(context)) return run()
      throw new ApiError(
        'namespace_full',
        `The namespace may have ${max_items} items and has no room for those that the request would create.`,
      )
    },
    /** Runs a write that creates no items, but may keep items from expiring that a count takes to be gone. */
    hold: <T>({ max_items }: NamespaceSettings, namespace: string, keys: readonly string[], run: () => Promise<T>): Promise<T> => {
      if (max_items === null) return run()
      gateOf(namespace).hold(keys)
      return holding(namespace, keys, run)
    },
  }
}
