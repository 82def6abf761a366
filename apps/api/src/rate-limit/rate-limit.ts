import type { IncomingMessage } from 'node:http'
import type { BlockList } from 'node:net'
import { ApiError } from '../http/api-error.js'
import { clientAddress, clientNetwork, clientSite } from '../http/client-address.js'
import type { RequestContext } from '../http/request-context.js'
import { type Limiter, rememberExhausted } from './exhausted-clients.js'
import type { ClientLimit, CreateLimiter, LimitPolicy } from './limiter.js'

export interface RateLimitOptions {
  /** Requests per window for a client without an API key. 0 means no limit. */
  readonly requests: number
  /** Requests per window for an API key without a limit of its own. 0 means no limit. */
  readonly keyRequests: number
  readonly windowSeconds: number
  /** The limit of an IPv6 /48 network is `requests` times this factor. 0 means that networks have no limit. */
  readonly siteFactor: number
  readonly trustedProxies: BlockList
  readonly createLimiter: CreateLimiter
}

/** By default a request counts against the network of its client. */
interface LimitOptions {
  /** Rejects the request if the client is exhausted, but does not count it. */
  readonly peek?: boolean
  /** The id of the API key that the request counts against. */
  readonly key?: string
  /** Requests per window for this key, if it has a limit of its own. */
  readonly ownRequests?: number | null
}

/** Counts a request and sets the headers of its limit. @throws ApiError rate_limited */
export type RateLimit = (incoming: IncomingMessage, request: RequestContext, options?: LimitOptions) => Promise<void> | undefined

/** A limit with its policy. */
interface Limit extends Limiter {
  readonly policy: LimitPolicy
}

/** The RateLimit-Policy header of each policy. */
const policyHeaders = new WeakMap<LimitPolicy, string>()

const policyHeader = (policy: LimitPolicy): string => {
  const header = policyHeaders.get(policy) ?? `"${policy.name}";q=${policy.requests};w=${policy.windowSeconds}`
  policyHeaders.set(policy, header)
  return header
}

/** The state of a limit, with its policy. */
interface LimitState extends ClientLimit {
  readonly policy: LimitPolicy
}

/** Returns the limit with fewer requests left. If both have the same number, the one that is reset later applies. */
const tighter = (one: LimitState, other: LimitState): LimitState => {
  const oneLeads = one.remaining === other.remaining ? one.resetMs >= other.resetMs : one.remaining < other.remaining
  return { ...(oneLeads ? one : other), allowed: one.allowed && other.allowed }
}

const withPolicy = (policy: LimitPolicy, limit: ClientLimit): LimitState => ({ ...limit, policy })

const countOne = ({ policy, count }: Limit, client: string): LimitState | Promise<LimitState> => {
  const limit = count(client)
  return limit instanceof Promise ? limit.then((counted) => withPolicy(policy, counted)) : withPolicy(policy, limit)
}

/** Counts a request against two limits unless one is exhausted. A rejected request must not count against the other limit. */
const countBoth = async (one: Limit, client: string, other: Limit, site: string): Promise<LimitState> => {
  const clientExhausted = one.exhausted(client)
  const siteExhausted = other.exhausted(site)
  if (clientExhausted === undefined && siteExhausted === undefined) {
    const [clientLimit, siteLimit] = await Promise.all([one.count(client), other.count(site)])
    return tighter(withPolicy(one.policy, clientLimit), withPolicy(other.policy, siteLimit))
  }
  const left = { allowed: true, remaining: Number.POSITIVE_INFINITY, resetMs: 0 }
  return tighter(withPolicy(one.policy, clientExhausted ?? left), withPolicy(other.policy, siteExhausted ?? left))
}

/**
 * Sets the headers that describe a limit.
 * @param advice says who can change the limit and how
 * @throws ApiError rate_limited
 */
const apply = (
  { policy, allowed, remaining, resetMs }: LimitState,
  { headers }: RequestContext,
  advice: (policy: LimitPolicy) => string,
): void => {
  const seconds = Math.max(1, Math.ceil(resetMs / 1000))
  headers['ratelimit-policy'] = policyHeader(policy)
  headers.ratelimit = `"${policy.name}";r=${remaining};t=${seconds}`
  if (allowed) return
  throw new ApiError('rate_limited', advice(policy), { retryAfterSeconds: seconds })
}

const exceeded = ({ requests, windowSeconds }: LimitPolicy): string =>
  `exceeded its limit of ${requests} requests in ${windowSeconds} seconds`

const keyAdvice =
  (hasOwn: boolean) =>
  (policy: LimitPolicy): string =>
    hasOwn
      ? `This API key ${exceeded(policy)}. The limit is the key's own rate_limit. Use a key with a higher limit.`
      : `This API key ${exceeded(policy)}. The operator can raise RATE_LIMIT_KEY_REQUESTS (0 means no limit) or give the key its own rate_limit.`

/** @param viaProxy whether the request came through a proxy that is not in TRUST_PROXY */
const addressAdvice =
  (client: string, viaProxy: boolean) =>
  (policy: LimitPolicy): string => {
    if (policy.name === 'site') {
      return `The /48 network of the client ${client} ${exceeded(policy)}. The operator can raise RATE_LIMIT_SITE_FACTOR (0 means no limit).`
    }
    const who = viaProxy
      ? 'All clients behind a proxy share one limit unless TRUST_PROXY names the proxy.'
      : 'All programs behind one IP address (IPv6: one /64 network) share one limit.'
    return `The client ${client} ${exceeded(policy)}. ${who} The operator can raise RATE_LIMIT_REQUESTS (0 means no limit).`
  }

/** Called for each counted request. */
export type LimitObserver = (allowed: boolean) => void

/**
 * Creates the rate limit of API keys, and of clients and IPv6 /48 networks if a request has no API key. Responses have the headers of
 * draft-ietf-httpapi-ratelimit-headers-11.
 */
export const createRateLimit = (options: RateLimitOptions, observe: LimitObserver = () => {}): RateLimit => {
  const { requests, keyRequests, windowSeconds, siteFactor, trustedProxies, createLimiter } = options
  const limitOf = (policy: LimitPolicy): Limit => ({ policy, ...rememberExhausted(createLimiter(policy)) })
  const byClient = limitOf({ name: 'default', requests, windowSeconds })
  const bySite = limitOf({ name: 'site', requests: requests * siteFactor, windowSeconds })
  /** Limits of API keys by their number of requests. */
  const byKey = new Map<number, Limit>()
  const limitOfKeys = (own: number): Limit => {
    const limit = byKey.get(own) ?? limitOf({ name: 'key', requests: own, windowSeconds })
    byKey.set(own, limit)
    return limit
  }

  const countClient = (address: string): LimitState | Promise<LimitState> => {
    const client = clientNetwork(address)
    const site = siteFactor === 0 ? undefined : clientSite(address)
    return site === undefined ? countOne(byClient, client) : countBoth(byClient, client, bySite, site)
  }

  /** Counts a request, and rejects it if the limit is exceeded. Returns a promise only if the count needs one. */
  const enforce = (
    counted: LimitState | Promise<LimitState>,
    request: RequestContext,
    advice: (policy: LimitPolicy) => string,
  ): Promise<void> | undefined => {
    if (counted instanceof Promise) return counted.then((limit) => void enforce(limit, request, advice))
    observe(counted.allowed)
    apply(counted, request, advice)
    return undefined
  }

  const rejectExhausted = (request: RequestContext, client: string, advice: (policy: LimitPolicy) => string): void => {
    const exhausted = byClient.exhausted(clientNetwork(client))
    if (exhausted !== undefined) apply(withPolicy(byClient.policy, exhausted), request, advice)
    const site = siteFactor === 0 ? undefined : clientSite(client)
    const siteExhausted = site === undefined ? undefined : bySite.exhausted(site)
    if (siteExhausted !== undefined) apply(withPolicy(bySite.policy, siteExhausted), request, advice)
  }

  return (incoming, request, { peek = false, key, ownRequests = null } = {}) => {
    const forwardedFor = incoming.headers['x-forwarded-for']
    const peer = incoming.socket.remoteAddress
    const client = clientAddress(peer, forwardedFor?.toString(), trustedProxies)
    request.client = client
    if (key !== undefined) {
      const own = ownRequests ?? keyRequests
      return own === 0 ? undefined : enforce(countOne(limitOfKeys(own), key), request, keyAdvice(ownRequests !== null))
    }
    if (requests === 0) return undefined
    const advice = addressAdvice(client, forwardedFor !== undefined && client === clientAddress(peer, undefined, trustedProxies))
    if (!peek) return enforce(countClient(client), request, advice)
    rejectExhausted(request, client, advice)
    return undefined
  }
}
