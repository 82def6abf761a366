import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible'
import { withLeases } from './leases.js'
import type { CreateLimiter, LimitPolicy } from './limiter.js'
import type { RequestCounts } from './request-counts.js'

/**
 * What the library takes for a client of PostgreSQL. It hands over a statement of its own for each request; ours does the same for all that
 * wait, by the database's clock.
 */
const storeClient = (counts: RequestCounts, { windowSeconds }: LimitPolicy) => ({
  query: async ({ values: [id, points] }: { readonly values: readonly [string, number] }) => {
    const { requests, resetMs } = await counts.count({ id, points, windowSeconds })
    return { rows: [{ points: requests, expire: Date.now() + resetMs }], rowCount: 1 }
  },
})

/**
 * Counts requests in PostgreSQL, so that all replicas on a database admit what one would; by `fallback` while the database is slow or
 * gone.
 */
export const createPostgresLimiter =
  (counts: RequestCounts, fallback: CreateLimiter): CreateLimiter =>
  (policy) => {
    const countByItself = fallback(policy)
    const limiter = new RateLimiterPostgres({
      storeClient: storeClient(counts, policy),
      storeType: 'client',
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix: policy.name,
      points: policy.requests,
      duration: policy.windowSeconds,
    })
    return withLeases(async (client, count = 1) => {
      try {
        const state = await limiter.consume(client, count)
        return { allowed: true, remaining: state.remainingPoints, resetMs: state.msBeforeNext }
      } catch (state) {
        if (state instanceof RateLimiterRes) return { allowed: false, remaining: 0, resetMs: state.msBeforeNext }
        return await countByItself(client, count)
      }
    })
  }
