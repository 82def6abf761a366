/** The number of requests that a client may make in a window. Policies with different names have different counters. */
export interface LimitPolicy {
  readonly name: string
  readonly requests: number
  readonly windowSeconds: number
}

/** The state of a client's limit after a request. */
export interface ClientLimit {
  readonly allowed: boolean
  readonly remaining: number
  /** Milliseconds until the window ends. */
  readonly resetMs: number
}

/** Counts requests of a client, by default one. Either all of them are allowed or none. Most counts need no promise. */
export type CountRequest = (client: string, requests?: number) => ClientLimit | Promise<ClientLimit>

/** Creates a counter for a policy. */
export type CreateLimiter = (policy: LimitPolicy) => CountRequest
