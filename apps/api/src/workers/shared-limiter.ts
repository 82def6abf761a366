import { createBatcher } from '../lib/batcher.js'
import { createClientLimiter } from '../rate-limit/client-limiter.js'
import { withLeases } from '../rate-limit/leases.js'
import type { ClientLimit, CountRequest, CreateLimiter } from '../rate-limit/limiter.js'
import type { PrimaryReplies } from './messages.js'
import type { AskPrimary } from './request-primary.js'

/** Workers count in the primary's memory. Requests that wait share a message, because a message costs more than a count. */
export const createSharedLimiter =
  (askPrimary: AskPrimary): CreateLimiter =>
  (policy) => {
    const runBatched = createBatcher<readonly [client: string, count: number], ClientLimit>({
      run: (requests) => askPrimary('count', { policy, requests }),
      isFault: () => false,
      rejection: (reason) => new Error(reason),
      statementsMax: 2,
      callsMax: 1_000,
      bytesMax: Number.POSITIVE_INFINITY,
      // More than a worker has connections, so that none is turned away here.
      waitingMax: 20_000,
      minRemainingMs: Number.NEGATIVE_INFINITY,
    })
    return withLeases((client, count = 1) => runBatched([client, count], Number.POSITIVE_INFINITY))
  }

/** The primary's part: one counter for each policy, whichever worker asks. */
export const createCountReply = (): PrimaryReplies['count'] => {
  const counters = new Map<string, CountRequest>()
  return ({ policy, requests }) => {
    const id = `${policy.name} ${policy.requests} ${policy.windowSeconds}`
    const count = counters.get(id) ?? createClientLimiter(policy)
    counters.set(id, count)
    return Promise.all(requests.map((each) => count(...each)))
  }
}
