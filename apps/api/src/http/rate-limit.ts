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

/** Against whom a request is counted, where that is not its client's network. */
interface LimitOptions {
  /** Only looks whether the client has used its requests up. */
  readonly peek?: boolean
  /** The API key whose requests are counted. */
  readonly key?: string
  /** Requests a window that this key has. */
  readonly requests?: number | undefined
}

/** Counts a request. */
export type RateLimit = (incoming: IncomingMessage, state: RequestState, options?: LimitOptions) => Promise<void>

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

const whose: Readonly<Record<string, string>> = { default: 'this client', site: 'the /48 network of this client', key: 'this API key' }

/** Tells a client where it stands. @throws Refusal rate_limited */
const tell = ({ policy, allowed, remaining, resetMs }: Standing, state: RequestState): void => {
  const seconds = Math.max(1, Math.ceil(resetMs / 1000))
  state.headers['ratelimit-policy'] = `"${policy.name}";q=${policy.requests};w=${policy.windowSeconds}`
  state.headers.ratelimit = `"${policy.name}";r=${remaining};t=${seconds}`
  if (allowed) return
  throw new Refusal('rate_limited', `${whose[policy.name]} has used its ${policy.requests} requests in ${policy.windowSeconds} seconds`, {
    retryAfterSeconds: seconds,
  })
}

/** Is told of each request that was counted. */
export type LimitObserver = (allowed: boolean) => void

/**
 * Limits each client's requests, and those of each IPv6 site, or those of an API key, and says where the client stands
 * (draft-ietf-httpapi-ratelimit-headers-11).
 * @throws Refusal rate_limited
 */
export const createRateLimit = (options: RateLimitOptions, observe: LimitObserver = () => {}): RateLimit => {
  const { requests, windowSeconds, siteFactor, trustedProxies, createLimiter } = options
  const limitOf = (policy: LimitPolicy): Limit => ({ policy, ...rememberUsedUp(createLimiter(policy)) })
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

  return async (incoming, state, { peek = false, key, requests: own = requests } = {}) => {
    const forwardedFor = incoming.headers['x-forwarded-for']
    state.client = clientAddress(incoming.socket.remoteAddress, forwardedFor?.toString(), trustedProxies)
    if (own === 0) return
    if (peek) {
      const usedUp = byClient.usedUp(clientNetwork(state.client))
      if (usedUp !== undefined) tell(standing(byClient.policy, usedUp), state)
      const site = siteFactor === 0 ? undefined : clientSite(state.client)
      const siteUsedUp = site === undefined ? undefined : bySite.usedUp(site)
      if (siteUsedUp !== undefined) tell(standing(bySite.policy, siteUsedUp), state)
      return
    }
    const counted = key === undefined ? await countClient(state.client) : await countKey(key, own)
    observe(counted.allowed)
    tell(counted, state)
  }
}
