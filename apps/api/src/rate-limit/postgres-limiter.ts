import { withLeases } from './leases.js'
import type { ClientLimit, CreateLimiter } from './limiter.js'
import type { RequestCounts } from './request-counts.js'

/**
 * Creates counters in PostgreSQL, which all replicas of a database share. While the database is slow or unavailable, each process counts
 * with `fallback`.
 */
export const createPostgresLimiter =
  (counts: RequestCounts, fallback: CreateLimiter): CreateLimiter =>
  (policy) => {
    const { name, requests: limit, windowSeconds } = policy
    const countInMemory = fallback(policy)
    return withLeases(async (client, points = 1): Promise<ClientLimit> => {
      try {
        const { requests, resetMs } = await counts.count({ id: `${name}:${client}`, points, windowSeconds })
        return { allowed: requests <= limit, remaining: Math.max(0, limit - requests), resetMs }
      } catch {
        // The circuit breaker logs the cause once.
        return await countInMemory(client, points)
      }
    })
  }
