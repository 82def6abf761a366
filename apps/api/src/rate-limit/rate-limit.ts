import type { BlockList } from 'node:net'
import { ApiError } from '../http/api-error.js'
import { clientAddress, clientNetwork, clientSite } from '../http/client-address.js'
import type { HttpContext } from '../http/hono-env.js'
import { type Limiter, rememberExhausted } from './exhausted-clients.js'
import type { ClientLimit, CreateLimiter, LimitPolicy } from './limiter.js'

export interface RateLimitOptions {
  /** Requests a window of a client without an API key; 0 for no limit. */
  readonly requests: number
  /** Requests a window of an API key that has no limit of its own; 0 for no limit. */
  readonly keyRequests: number
  readonly windowSeconds: number
  /** How many times that an IPv6 client's /48 may make; 0 for no limit of its own. */
  readonly siteFactor: number
  readonly trustedProxies: BlockList
  readonly createLimiter: CreateLimiter
}

/** Against whom a request is counted, where that is not its client's network. */
interface LimitOptions {
  /** Only looks whether the client has used its requests up. */
  readonly peek?: boolean
  /** The API key whose requests are counted. */
  readonly key?: string
  /** Requests a window of this key, if it has a limit of its own. */
  readonly ownRequests?: number | null
}

/** Counts a request. */
export type RateLimit = (c: HttpContext, options?: LimitOptions) => Promise<void>

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
  const clientExhausted = one.exhausted(client)
  const siteExhausted = other.exhausted(site)
  if (clientExhausted === undefined && siteExhausted === undefined) {
    const [clientLimit, siteLimit] = await Promise.all([one.count(client), other.count(site)])
    return tighter(standing(one.policy, clientLimit), standing(other.policy, siteLimit))
  }
  const left = { allowed: true, remaining: Number.POSITIVE_INFINITY, resetMs: 0 }
  return tighter(standing(one.policy, clientExhausted ?? left), standing(other.policy, siteExhausted ?? left))
}

/** Tells a client where it stands. @throws ApiError rate_limited, with `advice` as to who can change the limit and how */
const tell = ({ policy, allowed, remaining, resetMs }: Standing, c: HttpContext, advice: (policy: LimitPolicy) => string): void => {
  const { headers } = c.get('request')
  const seconds = Math.max(1, Math.ceil(resetMs / 1000))
  headers['ratelimit-policy'] = `"${policy.name}";q=${policy.requests};w=${policy.windowSeconds}`
  headers.ratelimit = `"${policy.name}";r=${remaining};t=${seconds}`
  if (allowed) return
  throw new ApiError('rate_limited', advice(policy), { retryAfterSeconds: seconds })
}

const used = ({ requests, windowSeconds }: LimitPolicy): string => `has used its ${requests} requests in ${windowSeconds} seconds`

const keyAdvice =
  (hasOwn: boolean) =>
  (policy: LimitPolicy): string =>
    hasOwn
      ? `This API key ${used(policy)}, which is its own rate_limit. Use a key with a higher one.`
      : `This API key ${used(policy)}. The operator can raise RATE_LIMIT_KEY_REQUESTS (0 for no limit) or give the key its own rate_limit.`

/** @param viaProxy whether the request came through a proxy that is not trusted to name its clients */
const addressAdvice =
  (client: string, viaProxy: boolean) =>
  (policy: LimitPolicy): string => {
    if (policy.name === 'site') {
      return `The /48 network of the client ${client} ${used(policy)}. The operator can raise RATE_LIMIT_SITE_FACTOR (0 for no such limit).`
    }
    const who = viaProxy
      ? 'All clients of one proxy are one client until TRUST_PROXY names the proxy.'
      : 'All programs behind one IP address (IPv6: one /64 network) are one client.'
    return `The client ${client} ${used(policy)}. ${who} The operator can raise RATE_LIMIT_REQUESTS (0 for no limit).`
  }

/** Is told of each request that was counted. */
export type LimitObserver = (allowed: boolean) => void

/**
 * Limits each client's requests, and those of each IPv6 site, or those of an API key, and says where the client stands
 * (draft-ietf-httpapi-ratelimit-headers-11).
 * @throws ApiError rate_limited
 */
export const createRateLimit = (options: RateLimitOptions, observe: LimitObserver = () => {}): RateLimit => {
  const { requests, keyRequests, windowSeconds, siteFactor, trustedProxies, createLimiter } = options
  const limitOf = (policy: LimitPolicy): Limit => ({ policy, ...rememberExhausted(createLimiter(policy)) })
  const byClient = limitOf({ name: 'default', requests, windowSeconds })
  const bySite = limitOf({ name: 'site', requests: requests * siteFactor, windowSeconds })
  /** By how many requests such keys have. */
  const byKey = new Map<number, Limit>()
  const limitOfKeys = (own: number): Limit => {
    const limit = byKey.get(own) ?? limitOf({ name: 'key', requests: own, windowSeconds })
    byKey.set(own, limit)
    return limit
  }

  const countClient = async (address: string): Promise<Standing> => {
    const client = clientNetwork(address)
    const site = siteFactor === 0 ? undefined : clientSite(address)
    return site === undefined ? standing(byClient.policy, await byClient.count(client)) : countBoth(byClient, client, bySite, site)
  }

  const countKey = async (key: string, own: number): Promise<Standing> => {
    const limit = limitOfKeys(own)
    return standing(limit.policy, await limit.count(key))
  }

  return async (c, { peek = false, key, ownRequests = null } = {}) => {
    const { incoming } = c.env
    const forwardedFor = incoming.headers['x-forwarded-for']
    const peer = incoming.socket.remoteAddress
    const client = clientAddress(peer, forwardedFor?.toString(), trustedProxies)
    c.get('request').client = client
    if (key !== undefined) {
      const own = ownRequests ?? keyRequests
      if (own === 0) return
      const counted = await countKey(key, own)
      observe(counted.allowed)
      tell(counted, c, keyAdvice(ownRequests !== null))
      return
    }
    if (requests === 0) return
    const advice = addressAdvice(client, forwardedFor !== undefined && client === clientAddress(peer, undefined, trustedProxies))
    if (peek) {
      const exhausted = byClient.exhausted(clientNetwork(client))
      if (exhausted !== undefined) tell(standing(byClient.policy, exhausted), c, advice)
      const site = siteFactor === 0 ? undefined : clientSite(client)
      const siteExhausted = site === undefined ? undefined : bySite.exhausted(site)
      if (siteExhausted !== undefined) tell(standing(bySite.policy, siteExhausted), c, advice)
      return
    }
    const counted = await countClient(client)
    observe(counted.allowed)
    tell(counted, c, advice)
  }
}
