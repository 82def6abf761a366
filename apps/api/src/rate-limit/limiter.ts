/** How many requests a client may make in a window. Clients of policies with different names are counted apart. */
export interface LimitPolicy {
  readonly name: string
  readonly requests: number
  readonly windowSeconds: number
}

/** Where a client stands after a request. */
export interface ClientLimit {
  readonly allowed: boolean
  readonly remaining: number
  /** Milliseconds until the window ends. */
  readonly resetMs: number
}

/** Counts one request of a client, or so many at once, all of which are allowed or none. */
export type CountRequest = (client: string, requests?: number) => Promise<ClientLimit>

/** Makes a counter for a policy; where it counts is the limiter's matter. */
export type CreateLimiter = (policy: LimitPolicy) => CountRequest
