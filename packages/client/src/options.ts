import type { HoldfastError } from './errors.js'

/** The retries of failed attempts. */
export interface RetryOptions {
  /**
   * Number of attempts after the first.
   * @default 3
   */
  readonly limit?: number
  /**
   * The longest wait before an attempt. If the service requests a longer one, the call fails immediately, with the wait in `retryAfter`.
   * @unit milliseconds
   * @default 10_000
   */
  readonly maxDelay?: number
}

/** The argument of `onRetry`, which is called before the client waits for the next attempt. */
export interface RetryNotice {
  /** The method and its key, such as `put "x"`. */
  readonly operation: string
  /** Number of the failed attempt, from 1. */
  readonly attempt: number
  /**
   * Time until the next attempt.
   * @unit milliseconds
   */
  readonly wait: number
  /** The error of the failed attempt. */
  readonly error: HoldfastError
}

/** Options of a call. */
export interface CallOptions {
  /**
   * Aborts the call, which then throws the signal's reason. A write in flight may or may not have been applied.
   * @default none
   */
  readonly signal?: AbortSignal | undefined
  /**
   * Time for each attempt, including the response's body. `Infinity` for no limit. The service responds within 10 seconds.
   * @unit milliseconds
   * @default 12_000
   */
  readonly timeout?: number | undefined
  /**
   * Time for all attempts and the waits between them. `Infinity` for no limit.
   * @unit milliseconds
   * @default 30_000
   */
  readonly totalTimeout?: number | undefined
  /**
   * The retries of failed attempts. `false` disables retries.
   * @default { limit: 3, maxDelay: 10_000 }
   */
  readonly retry?: RetryOptions | false | undefined
}

/** Options of a write. Options that are present must not be undefined, except those of {@link CallOptions}. */
export interface WriteOptions extends CallOptions {
  /**
   * Identifies the write across retries: 1 to 255 printable ASCII characters. To retry a write after an {@link OutcomeUnknownError}
   * without applying it twice, pass the key of the error.
   * @default a new UUID for each call
   */
  readonly idempotencyKey?: string
}

/** Options of a client. Call options are the defaults of all its calls. */
export interface ClientOptions extends CallOptions {
  /**
   * Address of the service, such as `http://127.0.0.1:8000`. It may contain a path.
   * @default the environment variable `HOLDFAST_URL`, if the runtime has environment variables
   */
  readonly url?: string | URL | undefined
  /**
   * API key, sent as `Authorization: Bearer`.
   * @default the environment variable `HOLDFAST_API_KEY`, if it is set
   */
  readonly apiKey?: string | undefined
  /**
   * Namespace of the items: 1 to 63 characters of a-z, 0-9 and -.
   * @default 'default'
   */
  readonly namespace?: string | undefined
  /**
   * Sends requests instead of the global `fetch`.
   * @default globalThis.fetch
   */
  readonly fetch?: typeof fetch | undefined
  /**
   * Called before each retry, to log or count it. The client does not wait for its result. If it throws, or returns a promise that
   * rejects, the error is discarded: it neither fails the call nor becomes an unhandled rejection. Use `signal` to abort a call.
   */
  readonly onRetry?: ((notice: RetryNotice) => unknown) | undefined
}

/** Options of every call. They are not sent to the service. */
export const callNames = { timeout: '', totalTimeout: '', retry: '', signal: '' } as const satisfies Record<keyof CallOptions, ''>
/** Options of every write. */
export const writeNames = { ...callNames, idempotencyKey: '' } as const satisfies Record<keyof WriteOptions, ''>
/** Options of a client. */
export const clientNames = {
  ...{ url: '', apiKey: '', namespace: '', fetch: '', onRetry: '' },
  ...callNames,
} as const satisfies Record<keyof ClientOptions, ''>

/** Call options with their defaults. */
export interface Limits {
  /** Milliseconds. */
  readonly timeout: number
  /** Milliseconds. */
  readonly totalTimeout: number
  readonly retries: number
  /** Milliseconds. */
  readonly maxDelay: number
}

/** Checks that an option is a number of at least `min`. @throws TypeError */
export const atLeast = (name: string, value: number, min: number): number => {
  if (typeof value !== 'number' || Number.isNaN(value) || value < min) throw new TypeError(`${name} must be a number of at least ${min}`)
  return value
}

/**
 * Returns the limits of a call from its own options, those of its client, and the defaults.
 * @throws TypeError
 */
export const callLimits = (call: CallOptions, client: CallOptions = {}): Limits => {
  const { signal = client.signal } = call
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') throw new TypeError('signal must be an AbortSignal')
  const retryOption = call.retry ?? client.retry ?? {}
  const retry = retryOption === false ? { limit: 0 } : retryOption
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
