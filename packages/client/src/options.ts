import type { HoldfastError } from './errors.js'

/** How failed attempts are retried. */
export interface RetryOptions {
  /**
   * Attempts after the first.
   * @default 3
   */
  readonly limit?: number
  /**
   * The longest wait before an attempt. If the service asks for a longer one, the call fails at once and says so in `retryAfter`.
   * @unit milliseconds
   * @default 10_000
   */
  readonly maxDelay?: number
}

/** What `onRetry` gets before the client waits for the next attempt. */
export interface RetryNotice {
  /** The method and its key, such as `put "x"`. */
  readonly operation: string
  /** The attempt that failed, from 1. */
  readonly attempt: number
  /**
   * Time until the next attempt.
   * @unit milliseconds
   */
  readonly wait: number
  /** Why the attempt failed. */
  readonly error: HoldfastError
}

/** Options of one call. */
export interface CallOptions {
  /**
   * Ends the call, which then throws the signal's reason. A write that was in flight may or may not have been applied.
   * @default none
   */
  readonly signal?: AbortSignal | undefined
  /**
   * Time for each attempt, including the response's body; `Infinity` for no limit. The service responds within 10 seconds.
   * @unit milliseconds
   * @default 12_000
   */
  readonly timeout?: number | undefined
  /**
   * Time for all attempts and the waits between them; `Infinity` for no limit.
   * @unit milliseconds
   * @default 30_000
   */
  readonly totalTimeout?: number | undefined
  /**
   * How failed attempts are retried; `false` for a single attempt.
   * @default { limit: 3, maxDelay: 10_000 }
   */
  readonly retry?: RetryOptions | false | undefined
}

/** Options of one write. An option that is present must not be undefined, but for those of every call. */
export interface WriteOptions extends CallOptions {
  /**
   * Identifies the write across retries: 1 to 255 printable ASCII characters. Pass that of an {@link OutcomeUnknownError} to
   * retry its write without applying it twice.
   * @default a new UUID for each call
   */
  readonly idempotencyKey?: string
}

/** Options of a client; those of a call are defaults for all its calls. */
export interface ClientOptions extends CallOptions {
  /**
   * Address of the service, such as `http://127.0.0.1:8000`. A path in it is kept.
   * @default the environment variable `HOLDFAST_URL`, if the runtime has environment variables
   */
  readonly url?: string | URL | undefined
  /**
   * API key, sent as `Authorization: Bearer`.
   * @default the environment variable `HOLDFAST_API_KEY`, if it is set
   */
  readonly apiKey?: string | undefined
  /**
   * Namespace of the items: 1 to 63 of a-z, 0-9 and -.
   * @default 'default'
   */
  readonly namespace?: string | undefined
  /**
   * Sends requests instead of the global `fetch`.
   * @default globalThis.fetch
   */
  readonly fetch?: typeof fetch | undefined
  /**
   * Called before each retry, to log or count it. Nothing waits for it. If it throws, or returns a promise that rejects, the
   * error is discarded: it can neither fail the call nor become an unhandled rejection. End a call with `signal`.
   */
  readonly onRetry?: ((notice: RetryNotice) => unknown) | undefined
}

/** Options of every call. The client handles them; nothing of them is sent. */
export const callNames = { timeout: '', totalTimeout: '', retry: '', signal: '' } as const satisfies Record<keyof CallOptions, ''>
/** Options of every write. */
export const writeNames = { ...callNames, idempotencyKey: '' } as const satisfies Record<keyof WriteOptions, ''>
/** Options of a client. */
export const clientNames = {
  ...{ url: '', apiKey: '', namespace: '', fetch: '', onRetry: '' },
  ...callNames,
} as const satisfies Record<keyof ClientOptions, ''>

/** Call options with all defaults filled in. */
export interface Limits {
  /** Milliseconds. */
  readonly timeout: number
  /** Milliseconds. */
  readonly totalTimeout: number
  readonly retries: number
  /** Milliseconds. */
  readonly maxDelay: number
}

const atLeast = (name: string, value: number, min: number): number => {
  if (typeof value !== 'number' || Number.isNaN(value) || value < min) throw new TypeError(`${name} must be a number of at least ${min}`)
  return value
}

/**
 * The limits of a call: its own options, else those of its client, else the defaults.
 * @throws TypeError
 */
export const callLimits = (call: CallOptions, client: CallOptions = {}): Limits => {
  const { signal = client.signal } = call
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') throw new TypeError('signal must be an AbortSignal')
  const given = call.retry ?? client.retry ?? {}
  const retry = given === false ? { limit: 0 } : given
  if (typeof retry !== 'object' || retry === null) throw new TypeError('retry must be false or an object such as { limit: 3 }')
  for (const name of Object.keys(retry)) {
    if (name !== 'limit' && name !== 'maxDelay') throw new TypeError(`unknown option "retry.${name}"; retry has limit and maxDelay`)
  }
  return {
    timeout: atLeast('timeout', call.timeout ?? client.timeout ?? 12_000, 1),
    totalTimeout: atLeast('totalTimeout', call.totalTimeout ?? client.totalTimeout ?? 30_000, 1),
    retries: atLeast('retry.limit', retry.limit ?? 3, 0),
    maxDelay: atLeast('retry.maxDelay', retry.maxDelay ?? 10_000, 0),
  }
}
