import type { IncomingMessage } from 'node:http'
import type { BlockList } from 'node:net'
import { Refusal } from '../refusal.js'
import { clientAddress, clientNetwork, clientSite } from './client-address.js'
import type { ClientLimit, CreateLimiter, LimitPolicy } from './limiter.js'
import type { RequestState } from './request-state.js'
import { type Limiter, rememberUsedUp } from './used-up.js'

export interface RateLimitOptions {
  /** Requests a window a client; 0 for no limit. */
  readonly requests: number
  readonly windowSeconds: number
  /** How many times that an IPv6 client's /48 may make; 0 for no limit of its own. */
  readonly siteFactor: number
  readonly trustedProxies: BlockList
  readonly createLimiter: CreateLimiter
}

/** Counts a request against its client. */
export type RateLimit = (incoming: IncomingMessage, state: RequestState) => Promise<void>

/** A limit with its policy. */
interface Limit extends Limiter {
  readonly policy: LimitPolicy
}

/** Where somebody stands with a limit. */
interface Standing extends ClientLimit {
  readonly policy: LimitPolicy
}

/** The one to go by: who has nothing left in two windows must wait for the later end. */
const tighter = (one: Standing, other: Standing): Standing => {
  const oneLeads = one.remaining === other.remaining ? one.resetMs >= other.resetMs : one.remaining < other.remaining
  return { ...(oneLeads ? one : other), allowed: one.allowed && other.allowed }
}

const standing = (policy: LimitPolicy, limit: ClientLimit): Standing => ({ ...limit, policy })

/** Counts a request against two limits, unless one of them is used up: what is refused must not use up the other. */
const countBoth = async (one: Limit, client: string, other: Limit, site: string): Promise<Standing> => {
  const clientUsedUp = one.usedUp(client)
  const siteUsedUp = other.usedUp(site)
  if (clientUsedUp === undefined && siteUsedUp === undefined) {
    const [clientLimit, siteLimit] = await Promise.all([one.count(client), other.count(site)])
    return tighter(standing(one.policy, clientLimit), standing(other.policy, siteLimit))
  }
  const left = { allowed: true, remaining: Number.POSITIVE_INFINITY, resetMs: 0 }
  return tighter(standing(one.policy, clientUsedUp ?? left), standing(other.policy, siteUsedUp ?? left))
}

/**
 * Limits each client's requests, and those of each IPv6 site, and says where the client stands
 * (draft-ietf-httpapi-ratelimit-headers-11).
 * @throws Refusal rate_limited
 */
export const createRateLimit = ({ requests, windowSeconds, siteFactor, trustedProxies, createLimiter }: RateLimitOptions): RateLimit => {
  const limitOf = (policy: LimitPolicy): Limit => ({ policy, ...rememberUsedUp(createLimiter(policy)) })
  const byClient = limitOf({ name: 'default', requests, windowSeconds })
  const bySite = limitOf({ name: 'site', requests: requests * siteFactor, windowSeconds })

  return async (incoming, state) => {
    const forwardedFor = incoming.headers['x-forwarded-for']
    state.client = clientAddress(incoming.socket.remoteAddress, forwardedFor?.toString(), trustedProxies)
    if (requests === 0) return
    const client = clientNetwork(state.client)
    const site = siteFactor === 0 ? undefined : clientSite(state.client)
    const { policy, allowed, remaining, resetMs } =
      site === undefined ? standing(byClient.policy, await byClient.count(client)) : await countBoth(byClient, client, bySite, site)
    const seconds = Math.max(1, Math.ceil(resetMs / 1000))
    state.headers['ratelimit-policy'] = `"${policy.name}";q=${policy.requests};w=${policy.windowSeconds}`
    state.headers.ratelimit = `"${policy.name}";r=${remaining};t=${seconds}`
    if (!allowed) {
      const who = policy === byClient.policy ? 'this client' : 'the /48 network of this client'
      throw new Refusal('rate_limited', `${who} has used its ${policy.requests} requests in ${policy.windowSeconds} seconds`, {
        retryAfterSeconds: seconds,
      })
    }
  }
}
