import type { ClientLimit, CountRequest } from './limiter.js'

/** A counter that knows who has nothing left. */
export interface Limiter {
  readonly count: CountRequest
  /** Where a client stands that has used its requests up; undefined for others. Counts nothing. */
  readonly exhausted: (client: string) => ClientLimit | undefined
}

/** About 10 MB at the most. */
const defaultClientsMax = 100_000
/** Between two looks for windows that are over, where there is no room. Milliseconds. */
const sweepMs = 1_000

/**
 * Remembers who used its requests up until its window ends, so that to refuse a client costs nothing where counts are kept elsewhere.
 * Beyond `clientsMax` clients are counted instead.
 */
export const rememberExhausted = (count: CountRequest, clientsMax = defaultClientsMax): Limiter => {
  /** When windows end, as `performance.now()` counts. */
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
    count: async (client, requests) => {
      const known = exhausted(client)
      if (known !== undefined) return known
      const limit = await count(client, requests)
      if (limit.remaining === 0) remember(client, limit.resetMs)
      return limit
    },
  }
}
