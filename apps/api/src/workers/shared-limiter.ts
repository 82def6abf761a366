import { type BatchedContext, createBatcher } from '../lib/batcher.js'
import { createClientLimiter } from '../rate-limit/client-limiter.js'
import { withLeases } from '../rate-limit/leases.js'
import type { ClientLimit, CountRequest, CreateLimiter } from '../rate-limit/limiter.js'
import type { PrimaryHandlers } from './messages.js'
import type { RequestPrimary } from './primary-requests.js'

/**
 * Creates the rate limiters of a worker, which count in the memory of the primary. Concurrent requests share a message, because a message
 * costs more than a count.
 */
export const createSharedLimiter =
  (requestPrimary: RequestPrimary): CreateLimiter =>
  (policy) => {
    const runBatched = createBatcher<BatchedContext, readonly [client: string, count: number], ClientLimit>({
      run: (calls) => requestPrimary('count', { policy, requests: calls.map(({ input }) => input) }),
      isFault: () => false,
      rejection: (reason) => new Error(reason),
      statementsMax: 2,
      callsMax: 1_000,
      bytesMax: Number.POSITIVE_INFINITY,
      // More than a worker has connections, so this queue rejects no request.
      waitingMax: 20_000,
      minRemainingMs: Number.NEGATIVE_INFINITY,
    })
    return withLeases((client, count = 1) => runBatched({ deadline: Number.POSITIVE_INFINITY }, [client, count]))
  }

/** Creates the handler in the primary, which keeps one counter for each policy. */
export const createCountHandler = (): PrimaryHandlers['count'] => {
  const counters = new Map<string, CountRequest>()
  return ({ policy, requests }) => {
    const id = `${policy.name} ${policy.requests} ${policy.windowSeconds}`
    const count = counters.get(id) ?? createClientLimiter(policy)
    counters.set(id, count)
    return Promise.all(requests.map((each) => count(...each)))
  }
}
