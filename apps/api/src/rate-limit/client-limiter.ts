import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { ClientLimit, CountRequest, LimitPolicy } from './limiter.js'

export interface ClientLimiterOptions extends Omit<LimitPolicy, 'name'> {
  /** The number of clients with a counter of their own. Other clients share counters. */
  readonly clientsMax?: number
}

/** The counters take at most about 30 MB. */
const defaultClientsMax = 100_000
const sharedCounters = 1_024

const sharedCounter = (client: string): string => {
  let hash = 0
  for (let i = 0; i < client.length; i++) hash = (Math.imul(hash, 31) + client.charCodeAt(i)) | 0
  return `shared-${(hash >>> 0) % sharedCounters}`
}

/**
 * Creates a counter that counts the requests of each client in memory. The library's store has no bound, and an attacker may have any
 * number of addresses. If there were too many clients in this window and the previous one, new clients share counters.
 */
export const createClientLimiter = ({ requests, windowSeconds, clientsMax = defaultClientsMax }: ClientLimiterOptions): CountRequest => {
  const limiter = new RateLimiterMemory({ points: requests, duration: windowSeconds })
  /** The library uses the wall clock. If the clock is set back, the time until the reset must not exceed the window. */
  const resetMs = ({ msBeforeNext }: RateLimiterRes): number => Math.min(msBeforeNext, windowSeconds * 1000)
  let window = 0
  let clients = 0
  let previousClients = 0

  const startWindow = () => {
    const now = Math.floor(performance.now() / (windowSeconds * 1000))
    if (now === window) return
    previousClients = now === window + 1 ? clients : 0
    clients = 0
    window = now
  }

  /** Returns the client's own counter if there is one, and otherwise a shared one. */
  const counterWhenFull = async (client: string): Promise<string> => ((await limiter.get(client)) === null ? sharedCounter(client) : client)

  return async (client, count = 1): Promise<ClientLimit> => {
    startWindow()
    try {
      const state = await limiter.consume(clients + previousClients < clientsMax ? client : await counterWhenFull(client), count)
      if (state.isFirstInDuration) clients++
      return { allowed: true, remaining: state.remainingPoints, resetMs: resetMs(state) }
    } catch (state) {
      if (!(state instanceof RateLimiterRes)) throw state
      return { allowed: false, remaining: 0, resetMs: resetMs(state) }
    }
  }
}
