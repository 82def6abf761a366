import { type Cors, isPreflight } from './cors.js'
import type { HttpMiddleware } from './hono-env.js'
import { checkRequestHead } from './request-head.js'
import { respond } from './respond.js'
import { checkSameOrigin } from './same-origin.js'
import type { TrustedHosts } from './trusted-hosts.js'

/** Which requests of browsers are accepted. */
export interface BrowserAccess {
  /** The names that are accepted in `Host`. Undefined if every `Host` and `Origin` is accepted. */
  readonly trustedHosts: TrustedHosts | undefined
  /** The pages of other origins that may call. Undefined if callers need no API key. */
  readonly cors: Cors | undefined
}

/** Rejects requests that no route should see: invalid heads, and browser requests for foreign pages. Responds to CORS preflights. */
export const acceptRequests =
  ({ trustedHosts, cors }: BrowserAccess): HttpMiddleware =>
  async (c, next) => {
    const { incoming } = c.env
    cors?.addHeaders(incoming.headers, c.get('request').headers)
    checkRequestHead(incoming)
    if (trustedHosts !== undefined) checkSameOrigin(incoming, trustedHosts)
    // Before authentication and rate limits, because browsers send no credentials with a preflight.
    if (cors !== undefined && isPreflight(incoming)) return respond(c, 204, null, cors.preflightHeaders(incoming.headers))
    return await next()
  }
