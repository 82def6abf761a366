import type { Pool } from '../database/pool.js'
import { invalid, Refusal } from '../refusal.js'
import type { WriteRecord } from './item-call.js'
import { createKeyOrder } from './key-order.js'
import type { NamespaceSettings } from './namespace-settings.js'
import { namespaceRoom } from './sql/namespace-rows.js'

/** When an item shall expire, as the caller has said. */
export interface AskedExpiry {
  /** Seconds. */
  readonly ttl: number | null
  /** RFC 3339 in UTC. */
  readonly expiresAt: string | null
  /** Whether it shall be permanent, in so many words. */
  readonly forever: boolean
}

/**
 * The seconds to live that a written item gets in its namespace; null where it has a time, or is permanent.
 * @param path of the object with the members, for refusals
 * @throws Refusal validation_failed
 */
export const boundedTtl = (
  { default_ttl, max_ttl }: NamespaceSettings,
  { ttl, expiresAt, forever }: AskedExpiry,
  path = 'body',
): number | null => {
  if (max_ttl !== null) {
    const within = `in this namespace, at most ${max_ttl} seconds away`
    if (ttl !== null && ttl > max_ttl) throw invalid(`${path}.ttl`, `must be at most ${max_ttl} in this namespace`)
    // By this service's clock: a second of difference does no harm to a bound.
    if (expiresAt !== null && Date.parse(expiresAt) > Date.now() + (max_ttl + 1) * 1000)
      throw invalid(`${path}.expires_at`, `must be, ${within}`)
    if (forever) throw invalid(`${path}.ttl`, `must not be null ${within}`)
  }
  if (ttl !== null || expiresAt !== null || forever) return ttl
  return default_ttl ?? max_ttl
}

/** A write that may create items. */
interface Creation {
  readonly namespace: string
  readonly keys: readonly string[]
  readonly record: WriteRecord | undefined
}

/**
 * Makes what keeps a namespace within its `max_items`. Writes that may create take turns there, so that one service never lets in one too many;
 * each further service may, by one.
 */
export const createRoom = (pool: Pool, isRecorded: (record: WriteRecord, deadline: number) => Promise<boolean>) => {
  const turns = createKeyOrder()

  /** Whether there is room for what a write would create. One that has a record creates nothing. */
  const fits = async (maxItems: number, { namespace, keys, record }: Creation, deadline: number): Promise<boolean> => {
    const [room] = await pool.run(namespaceRoom, { namespace, keys }, deadline)
    const created = keys.length - (room?.present ?? 0)
    return created === 0 || (room?.live ?? 0) + created <= maxItems || (record !== undefined && (await isRecorded(record, deadline)))
  }

  const inTurn = async <T>(namespace: string, run: () => Promise<T>): Promise<T> => {
    await new Promise<void>((go) => turns.arrive(namespace, go))
    try {
      return await run()
    } finally {
      turns.leave(namespace)
    }
  }

  /** @throws Refusal namespace_full */
  return async <T>(settings: NamespaceSettings, creation: Creation, deadline: number, run: () => Promise<T>): Promise<T> => {
    const { max_items: maxItems } = settings
    if (maxItems === null) return run()
    return inTurn(creation.namespace, async () => {
      if (!(await fits(maxItems, creation, deadline))) {
        throw new Refusal('namespace_full', `the namespace may have ${maxItems} items, and has no room for what this would create`)
      }
      return run()
    })
  }
}
