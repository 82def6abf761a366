import type { ClientLimit, CountRequest } from './limiter.js'

/** A counter that remembers which clients are exhausted: those that have no requests left in their window. */
export interface Limiter {
  readonly count: CountRequest
  /** Returns the limit of an exhausted client, or undefined for other clients. Counts no request. */
  readonly exhausted: (client: string) => ClientLimit | undefined
}

/** The clients take at most about 10 MB. */
const defaultClientsMax = 100_000
/** The time between two searches for ended windows while the map is full. */
const sweepMs = 1_000

/**
 * Remembers exhausted clients until their windows end, so that their rejections cost no query when the counts are in a database. If
 * there are more than `clientsMax` of them, the requests of the others are counted.
 */
export const rememberExhausted = (count: CountRequest, clientsMax = defaultClientsMax): Limiter => {
  /** The end of each client's window, in `performance.now()` time. */
  const ends = new Map<string, number>()
  let sweptAt = Number.NEGATIVE_INFINITY

  const sweep = (now: number): void => {
    if (now - sweptAt < sweepMs) return
    sweptAt = now
    for (const [client, end] of ends) if (end <= now) ends.delete(client)
  }

  const remember = (client: string, resetMs: number): void => {
    const now = performance.now()
    if (ends.size >= clientsMax) sweep(now)
    if (ends.size < clientsMax) ends.set(client, now + resetMs)
  }

  const exhausted = (client: string): ClientLimit | undefined => {
    const end = ends.get(client)
    if (end === undefined) return undefined
    const resetMs = end - performance.now()
    if (resetMs > 0) return { allowed: false, remaining: 0, resetMs }
    ends.delete(client)
    return undefined
  }

  return {
    exhausted,
    count: (client, requests) => {
      const known = exhausted(client)
      if (known !== undefined) return known
      const counted = (limit: ClientLimit): ClientLimit => {
        if (limit.remaining === 0) remember(client, limit.resetMs)
        return limit
      }
      const limit = count(client, requests)
      return limit instanceof Promise ? limit.then(counted) : counted(limit)
    },
  }
}
