import type { IncomingMessage } from 'node:http'
import type { BlockList } from 'node:net'
import { Refusal } from '../refusal.js'
import { clientAddress, clientNetwork } from './client-address.js'
import { createClientLimiter } from './client-limiter.js'
import type { RequestState } from './request-state.js'

export interface RateLimitOptions {
  /** Requests a window a client; 0 for no limit. */
  readonly requests: number
  readonly windowSeconds: number
  readonly trustedProxies: BlockList
}

/** Against whom a request is counted, where that is not its client's network. */
interface LimitOptions {
  /** Only looks whether there is something left. */
  readonly peek?: boolean
  /** Whose requests are counted. */
  readonly subject?: string
  /** Requests a window that this one has. */
  readonly requests?: number | undefined
}

/** Counts a request. */
export type RateLimit = (incoming: IncomingMessage, state: RequestState, options?: LimitOptions) => Promise<void>

/**
 * Limits each client's requests and says where it stands (draft-ietf-httpapi-ratelimit-headers-11).
 * @throws Refusal rate_limited
 */
export const createRateLimit = (options: RateLimitOptions): RateLimit => {
  const { windowSeconds } = options
  const limiters = new Map<number, ReturnType<typeof createClientLimiter>>()
  const limiterOf = (requests: number) => {
    const limiter = limiters.get(requests) ?? createClientLimiter({ requests, windowSeconds })
    limiters.set(requests, limiter)
    return limiter
  }

  return async (incoming, state, { peek = false, subject, requests = options.requests } = {}) => {
    const forwardedFor = incoming.headers['x-forwarded-for']
    state.client = clientAddress(incoming.socket.remoteAddress, forwardedFor?.toString(), options.trustedProxies)
    if (requests === 0) return
    const limiter = limiterOf(requests)
    const client = subject ?? clientNetwork(state.client)
    const limit = await (peek ? limiter.peek(client) : limiter.count(client))
    const seconds = Math.max(1, Math.ceil(limit.resetMs / 1000))
    state.headers['ratelimit-policy'] = `"default";q=${requests};w=${windowSeconds}`
    state.headers.ratelimit = `"default";r=${limit.remaining};t=${seconds}`
    if (!limit.allowed) {
      throw new Refusal('rate_limited', `this client has used its ${requests} requests in ${windowSeconds} seconds`, {
        retryAfterSeconds: seconds,
      })
    }
  }
}
