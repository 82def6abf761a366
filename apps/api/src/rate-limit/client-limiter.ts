import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { ClientLimit, CountRequest, LimitPolicy } from './limiter.js'

export interface ClientLimiterOptions extends Omit<LimitPolicy, 'name'> {
  /** Clients that are counted apart at the same time; the rest share some counters. */
  readonly clientsMax?: number
}

/** About 30 MB of counters at the most. */
const defaultClientsMax = 100_000
const sharedCounters = 1_024

const sharedCounter = (client: string): string => {
  let hash = 0
  for (let i = 0; i < client.length; i++) hash = (Math.imul(hash, 31) + client.charCodeAt(i)) | 0
  return `shared-${(hash >>> 0) % sharedCounters}`
}

/**
 * Counts each client's requests in memory. An attacker with endless addresses must not fill it: where too many clients
 * were seen within this window and the last one, new ones share counters. The library's store itself has no bound.
 */
export const createClientLimiter = ({ requests, windowSeconds, clientsMax = defaultClientsMax }: ClientLimiterOptions): CountRequest => {
  const limiter = new RateLimiterMemory({ points: requests, duration: windowSeconds })
  /** The library goes by the wall clock, which may be set back; no window is longer than it is. */
  const resetMs = ({ msBeforeNext }: RateLimiterRes): number => Math.min(msBeforeNext, windowSeconds * 1000)
  let window = 0
  let seen = 0
  let seenBefore = 0

  const turnWindow = () => {
    const now = Math.floor(performance.now() / (windowSeconds * 1000))
    if (now === window) return
    seenBefore = now === window + 1 ? seen : 0
    seen = 0
    window = now
  }

  /** The counter of a client while there is no room for new ones. */
  const crowdedCounter = async (client: string): Promise<string> => ((await limiter.get(client)) === null ? sharedCounter(client) : client)

  return async (client, count = 1): Promise<ClientLimit> => {
    turnWindow()
    try {
      const state = await limiter.consume(seen + seenBefore < clientsMax ? client : await crowdedCounter(client), count)
      if (state.isFirstInDuration) seen++
      return { allowed: true, remaining: state.remainingPoints, resetMs: resetMs(state) }
    } catch (state) {
      if (!(state instanceof RateLimiterRes)) throw state
      return { allowed: false, remaining: 0, resetMs: resetMs(state) }
    }
  }
}
