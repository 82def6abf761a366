import type { ClientLimit, CountRequest } from './limiter.js'

/** What a client has left: so many requests to be spent here, and so many that are counted elsewhere. */
interface Lease {
  own: number
  readonly elsewhere: number
  /** When its window ends, as `performance.now()` counts: not before `usableUntil`, and not after `end`. */
  readonly usableUntil: number
  readonly end: number
  renewal?: Promise<void>
}

/** A lease is this part of what is left, rounded down: a client whose lease lies unused in another service loses less than that. */
const leasedPart = 1 / 64
/** About 10 MB at the most. Beyond, clients have no lease. */
const defaultClientsMax = 100_000
/** Between two looks for windows that are over, where there is no room. Milliseconds. */
const sweepMs = 1_000

const leaseOf = (remaining: number): number => Math.floor(remaining * leasedPart)
const worthwhile = (lease: number): boolean => lease >= 2

/**
 * Spares a client with many requests left the way to where they are counted: it takes some at a time and spends them here. Where
 * fewer than 128 are left each request is counted by itself, so that small limits are exact.
 */
export const withLeases = (count: CountRequest, clientsMax = defaultClientsMax): CountRequest => {
  const leases = new Map<string, Lease>()
  let sweptAt = Number.NEGATIVE_INFINITY

  const hasRoom = (now: number): boolean => {
    if (leases.size >= clientsMax && now - sweptAt >= sweepMs) {
      sweptAt = now
      for (const [client, { end }] of leases) if (end <= now) leases.delete(client)
    }
    return leases.size < clientsMax
  }

  const keep = (client: string, own: number, { remaining, resetMs }: ClientLimit, askedAt: number): void => {
    const now = performance.now()
    if (own === 0 && !worthwhile(leaseOf(remaining))) leases.delete(client)
    else if (leases.has(client) || hasRoom(now)) {
      leases.set(client, { own, elsewhere: remaining, usableUntil: askedAt + resetMs, end: now + resetMs })
    }
  }

  const renew = async (client: string, points: number): Promise<void> => {
    const askedAt = performance.now()
    try {
      const limit = await count(client, points)
      keep(client, limit.allowed ? points : 0, limit, askedAt)
    } catch (error) {
      leases.delete(client)
      throw error
    }
  }

  const countOne = async (client: string): Promise<ClientLimit> => {
    const askedAt = performance.now()
    const limit = await count(client)
    if (!leases.has(client)) keep(client, 0, limit, askedAt)
    return limit
  }

  return async (client) => {
    for (;;) {
      const lease = leases.get(client)
      if (lease === undefined) return await countOne(client)
      const now = performance.now()
      const points = leaseOf(lease.elsewhere)
      if (now >= lease.usableUntil || (lease.own === 0 && !worthwhile(points))) {
        leases.delete(client)
      } else if (lease.own > 0) {
        lease.own--
        return { allowed: true, remaining: lease.own + lease.elsewhere, resetMs: lease.end - now }
      } else {
        lease.renewal ??= renew(client, points)
        await lease.renewal
      }
    }
  }
}
