import type { BlockList } from 'node:net'
import type { MiddlewareHandler } from 'hono'
import { Refusal } from '../../refusal.js'
import { clientAddress, clientNetwork } from '../client-address.js'
import { createClientLimiter } from '../client-limiter.js'
import type { HttpEnv } from '../context.js'

export interface RateLimitOptions {
  /** Requests a window a client; 0 for no limit. */
  readonly requests: number
  readonly windowSeconds: number
  readonly trustedProxies: BlockList
}

/** Limits each client's requests and says where it stands (draft-ietf-httpapi-ratelimit-headers-11). */
export const rateLimit = (options: RateLimitOptions): MiddlewareHandler<HttpEnv> => {
  const count = createClientLimiter(options)
  const policy = `"default";q=${options.requests};w=${options.windowSeconds}`
  return async function rateLimit(context, next) {
    const { incoming } = context.env
    const { state } = context.var
    const forwardedFor = incoming.headers['x-forwarded-for']
    state.client = clientAddress(incoming.socket.remoteAddress, forwardedFor?.toString(), options.trustedProxies)
    if (options.requests > 0) {
      const limit = await count(clientNetwork(state.client))
      const seconds = Math.max(1, Math.ceil(limit.resetMs / 1000))
      state.headers['ratelimit-policy'] = policy
      state.headers.ratelimit = `"default";r=${limit.remaining};t=${seconds}`
      if (!limit.allowed) {
        throw new Refusal('rate_limited', `this client has used its ${options.requests} requests in ${options.windowSeconds} seconds`, {
          retryAfterSeconds: seconds,
        })
      }
    }
    await next()
  }
}
