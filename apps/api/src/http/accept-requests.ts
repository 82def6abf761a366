import { type Cors, isPreflight } from './cors.js'
import type { HttpMiddleware } from './hono-env.js'
import { checkRequestHead } from './request-head.js'
import { respond } from './respond.js'
import { checkSameOrigin } from './same-origin.js'
import type { TrustedHosts } from './trusted-hosts.js'

/** Rules for requests from browsers. */
export interface BrowserAccess {
  /** The accepted names in `Host`. Undefined if every `Host` and `Origin` is accepted. */
  readonly trustedHosts: TrustedHosts | undefined
  /** The rules for pages of other origins. Undefined if callers need no API key. */
  readonly cors: Cors | undefined
}

/** Creates middleware that rejects invalid request heads and requests from foreign pages, and responds to CORS preflights. */
export const acceptRequests =
  ({ trustedHosts, cors }: BrowserAccess): HttpMiddleware =>
  async (c, next) => {
    const { incoming } = c.env
    cors?.addHeaders(incoming.headers, c.get('request').headers)
    checkRequestHead(incoming)
    if (trustedHosts !== undefined) checkSameOrigin(incoming, trustedHosts)
    // This comes before authentication and rate limits, because browsers send no credentials with a preflight.
    if (cors !== undefined && isPreflight(incoming)) return respond(c, 204, null, cors.preflightHeaders(incoming.headers))
    return await next()
  }
