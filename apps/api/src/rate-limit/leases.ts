import type { ClientLimit, CountRequest } from './limiter.js'

/** The requests that a client has left. */
interface Lease {
  /** Requests that are already counted and may be made without counting them again. */
  own: number
  /** Requests that are not counted yet. */
  readonly uncounted: number
  /** The window ends between `usableUntil` and `end`, in `performance.now()` time. */
  readonly usableUntil: number
  readonly end: number
  renewal?: Promise<void>
}

/** A lease is this part of the requests left, rounded down. A client with an unused lease in another process loses less than that. */
const leasedPart = 1 / 64
/** The leases take at most about 10 MB. Other clients have no lease. */
const defaultClientsMax = 100_000
/** The time between two searches for ended windows while the map is full. */
const sweepMs = 1_000

const leaseOf = (remaining: number): number => Math.floor(remaining * leasedPart)
const worthwhile = (lease: number): boolean => lease >= 2

/**
 * Counts the requests of clients that have many left in advance, several at a time, so that most requests need no query. If a client has
 * fewer than 128 left, each request is counted by itself, so that small limits are exact.
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

  const keep = (client: string, own: number, { remaining, resetMs }: ClientLimit, sentAt: number): void => {
    const now = performance.now()
    if (own === 0 && !worthwhile(leaseOf(remaining))) leases.delete(client)
    else if (leases.has(client) || hasRoom(now)) {
      leases.set(client, { own, uncounted: remaining, usableUntil: sentAt + resetMs, end: now + resetMs })
    }
  }

  const renew = async (client: string, points: number): Promise<void> => {
    const sentAt = performance.now()
    try {
      const limit = await count(client, points)
      keep(client, limit.allowed ? points : 0, limit, sentAt)
    } catch (error) {
      leases.delete(client)
      throw error
    }
  }

  const countOne = async (client: string): Promise<ClientLimit> => {
    const sentAt = performance.now()
    const limit = await count(client)
    if (!leases.has(client)) keep(client, 0, limit, sentAt)
    return limit
  }

  const take = async (client: string): Promise<ClientLimit> => {
    for (;;) {
      const lease = leases.get(client)
      if (lease === undefined) return await countOne(client)
      const now = performance.now()
      const points = leaseOf(lease.uncounted)
      if (now >= lease.usableUntil || (lease.own === 0 && !worthwhile(points))) {
        leases.delete(client)
      } else if (lease.own > 0) {
        lease.own--
        return { allowed: true, remaining: lease.own + lease.uncounted, resetMs: lease.end - now }
      } else {
        lease.renewal ??= renew(client, points)
        await lease.renewal
      }
    }
  }

  return (client, requests) => {
    if (requests !== undefined) return count(client, requests)
    const lease = leases.get(client)
    if (lease === undefined || lease.own === 0) return take(client)
    const now = performance.now()
    if (now >= lease.usableUntil) return take(client)
    lease.own--
    return { allowed: true, remaining: lease.own + lease.uncounted, resetMs: lease.end - now }
  }
}
