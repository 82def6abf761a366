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

/** Counts a request against its client. */
export type RateLimit = (incoming: IncomingMessage, state: RequestState) => Promise<void>

/** Is told of each request that was counted. */
export type LimitObserver = (allowed: boolean) => void

/**
 * Limits each client's requests and says where it stands (draft-ietf-httpapi-ratelimit-headers-11).
 * @throws Refusal rate_limited
 */
export const createRateLimit = (options: RateLimitOptions, observe: LimitObserver = () => {}): RateLimit => {
  const count = createClientLimiter(options)
  const policy = `"default";q=${options.requests};w=${options.windowSeconds}`
  return async (incoming, state) => {
    const forwardedFor = incoming.headers['x-forwarded-for']
    state.client = clientAddress(incoming.socket.remoteAddress, forwardedFor?.toString(), options.trustedProxies)
    if (options.requests === 0) return
    const limit = await count(clientNetwork(state.client))
    observe(limit.allowed)
    const seconds = Math.max(1, Math.ceil(limit.resetMs / 1000))
    state.headers['ratelimit-policy'] = policy
    state.headers.ratelimit = `"default";r=${limit.remaining};t=${seconds}`
    if (!limit.allowed) {
      throw new Refusal('rate_limited', `this client has used its ${options.requests} requests in ${options.windowSeconds} seconds`, {
        retryAfterSeconds: seconds,
      })
    }
  }
}
