import type { Conditions } from './conditions.js'
import type { HoldfastError } from './errors.js'

/** How failed attempts are repeated. */
export interface RetryOptions {
  /**
   * Attempts after the first.
   * @default 3
   */
  readonly limit?: number
  /**
   * The longest wait that is accepted; where the service asks for more, the call fails at once and says for how long in `retryAfter`.
   * @unit milliseconds
   * @default 10_000
   */
  readonly waitMax?: number
}

/** What is told before an attempt is repeated. */
export interface RetryNotice {
  /** Operation id of the route, such as `putItem`. */
  readonly operation: string
  /** The attempt that failed, from 1. */
  readonly attempt: number
  /** Milliseconds until the next one. */
  readonly wait: number
  readonly error: HoldfastError
}

/** Options of one call. */
export interface CallOptions {
  /** Ends the call; what it throws is the signal's reason. A write that was under way may or may not have been applied. */
  readonly signal?: AbortSignal | undefined
  /**
   * Time that each attempt has, the whole answer included; `Infinity` for none.
   * @unit milliseconds
   * @default 12_000 (the service answers everything within 10 seconds)
   */
  readonly timeout?: number | undefined
  /**
   * Time that all attempts and the waits between them have; `Infinity` for none.
   * @unit milliseconds
   * @default 30_000
   */
  readonly totalTimeout?: number | undefined
  /** `false`: one attempt only. */
  readonly retry?: RetryOptions | false | undefined
}

/** Options of one write. */
export interface WriteOptions extends CallOptions {
  /** Names the write across repeats. Made for each call by default; give that of an {@link OutcomeUnknownError} to repeat its write. */
  readonly idempotencyKey?: string | undefined
}

/** Options of a client; those of a call are its defaults. */
export interface ClientOptions extends CallOptions {
  /** Where the service is, such as `http://127.0.0.1:8000`; a path in it is kept. */
  readonly url: string | URL
  /** Sent as `Authorization: Bearer`. */
  readonly apiKey?: string | undefined
  /**
   * Namespace that items are in.
   * @default 'default'
   */
  readonly namespace?: string | undefined
  /** Used in place of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined
  /** Called before each wait for another attempt. What it throws ends the call. */
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined
}

/** Call options with all defaults filled in. */
export interface Limits {
  readonly timeout: number
  readonly totalTimeout: number
  readonly retries: number
  readonly waitMax: number
}

const atLeast = (name: string, value: number, min: number): number => {
  if (typeof value !== 'number' || Number.isNaN(value) || value < min) throw new TypeError(`${name} must be a number from ${min}`)
  return value
}

/**
 * The limits of a call: its own options, else those of its client, else the defaults.
 * @throws TypeError
 */
export const callLimits = (call: CallOptions, client: CallOptions = {}): Limits => {
  const given = call.retry ?? client.retry ?? {}
  const retry = given === false ? { limit: 0 } : given
  return {
    timeout: atLeast('timeout', call.timeout ?? client.timeout ?? 12_000, 1),
    totalTimeout: atLeast('totalTimeout', call.totalTimeout ?? client.totalTimeout ?? 30_000, 1),
    retries: atLeast('retry.limit', retry.limit ?? 3, 0),
    waitMax: atLeast('retry.waitMax', retry.waitMax ?? 10_000, 0),
  }
}

/** The members of a write's options that are its body, whatever the contract has. */
export const bodyMembers = <O extends WriteOptions & Conditions>(options: O): Omit<O, keyof (WriteOptions & Conditions)> => {
  const { signal, timeout, totalTimeout, retry, idempotencyKey, ifMatch, ifNoneMatch, ...members } = options
  return members
}
