import type { ErrorCode } from '@holdfast/contracts'

/** Codes of errors that the client itself finds. */
export type ClientErrorCode =
  | 'invalid_argument'
  | 'stored_value_mismatch'
  | 'connection_failed'
  | 'timeout'
  | 'unexpected_response'
  | 'outcome_unknown'
  | 'lock_held'
  | 'lock_lost'

/** What is known about a failed call. */
export interface ErrorDetails {
  /** The stable code: one of the API's, one of the client's, or one of a newer service. */
  readonly code: ErrorCode | ClientErrorCode | (string & {})
  /** HTTP status of the last response; undefined if there was none. */
  readonly status?: number | undefined
  /** Id under which the service logged the request, if it responded. */
  readonly requestId?: string | undefined
  /** Requests that were sent. */
  readonly attempts: number
  /** Index of the operation of a transaction that failed, from 0. */
  readonly failedOperation?: number | undefined
  /** Seconds that the service, or the retry rules, ask to wait before another attempt. */
  readonly retryAfter?: number | undefined
  readonly cause?: unknown
}

/** Base of every error that a call throws, except the reason of an aborted `signal`. Never contains an API key or a value. */
export class HoldfastError extends Error {
  override readonly name: string = 'HoldfastError'
  readonly code: ErrorDetails['code']
  readonly status: number | undefined
  readonly requestId: string | undefined
  readonly attempts: number
  /** Seconds. */
  readonly retryAfter: number | undefined
  /** Index of the operation of a transaction that failed, from 0. */
  readonly failedOperation: number | undefined

  constructor(message: string, details: ErrorDetails) {
    const { cause, retryAfter } = details
    super(!retryAfter ? message : `${message}; retry after ${retryAfter} s`, cause === undefined ? undefined : { cause })
    this.code = details.code
    this.status = details.status
    this.requestId = details.requestId
    this.attempts = details.attempts
    this.retryAfter = retryAfter
    this.failedOperation = details.failedOperation
  }
}

/** One fault of a request or of a value: where it is, and what is wrong there. */
export interface Fault {
  readonly path: string
  readonly message: string
}

/** The service rejected the request because of a fault in it (400, 405, 415, 431), or has no such route. `faults` has each fault that it named. */
export class InvalidRequestError extends HoldfastError {
  override readonly name = 'InvalidRequestError'
  readonly faults: readonly Fault[]
  constructor(message: string, details: ErrorDetails, faults: readonly Fault[] = []) {
    super(message, details)
    this.faults = faults
  }
}

/**
 * The client rejected an argument before anything was sent: a key that no URL can carry, a value that is not JSON or does not
 * fit its schema, an unknown option, a `fetch` that cannot be called.
 */
export class InvalidArgumentError extends HoldfastError {
  override readonly name = 'InvalidArgumentError'
  readonly faults: readonly Fault[]
  constructor(message: string, faults: readonly Fault[] = [], cause?: unknown) {
    super(message, { code: 'invalid_argument', attempts: 0, cause })
    this.faults = faults
  }
}

/** A stored value does not fit the schema of `client.typed(schema)`. */
export class StoredValueMismatchError extends HoldfastError {
  override readonly name = 'StoredValueMismatchError'
  readonly key: string
  readonly faults: readonly Fault[]
  constructor(message: string, key: string, faults: readonly Fault[]) {
    super(message, { code: 'stored_value_mismatch', attempts: 1 })
    this.key = key
    this.faults = faults
  }
}

/** The API key is missing or not valid (401 `unauthenticated`). */
export class UnauthenticatedError extends HoldfastError {
  override readonly name = 'UnauthenticatedError'
}

/** The API key does not allow this (403 `forbidden`). */
export class ForbiddenError extends HoldfastError {
  override readonly name = 'ForbiddenError'
}

/** The namespace has `maxItems` items already (409 `namespace_full`). */
export class NamespaceFullError extends HoldfastError {
  override readonly name = 'NamespaceFullError'
}

/** There is no live item with this key (404 `item_not_found`). */
export class ItemNotFoundError extends HoldfastError {
  override readonly name = 'ItemNotFoundError'
}

/** `create` found a live item (409 `item_exists`). */
export class ItemExistsError extends HoldfastError {
  override readonly name = 'ItemExistsError'
  /** Version of the existing item. */
  readonly version: string | undefined
  constructor(message: string, details: ErrorDetails, version: string | undefined) {
    super(message, details)
    this.version = version
  }
}

/** `ifMatch` or `ifNoneMatch` did not hold at the instant of the write (412); nothing was changed. */
export class PreconditionFailedError extends HoldfastError {
  override readonly name = 'PreconditionFailedError'
  /** Version of the item as it is; undefined if there is none. */
  readonly version: string | undefined
  constructor(message: string, details: ErrorDetails, version: string | undefined) {
    super(message, details)
    this.version = version
  }
}

/** Checks of a transaction did not hold (412 `checks_failed`); nothing was changed. */
export class ChecksFailedError extends HoldfastError {
  override readonly name = 'ChecksFailedError'
  /** Indexes of these checks, from 0. */
  readonly failedChecks: readonly number[]
  constructor(message: string, details: ErrorDetails, failedChecks: readonly number[]) {
    super(message, details)
    this.failedChecks = failedChecks
  }
}

/** An increment found a value that is not a number (409 `not_a_number`). */
export class NotANumberError extends HoldfastError {
  override readonly name = 'NotANumberError'
}

/** An increment would exceed `min`, `max` or the range of integers (409 `out_of_bounds`); nothing was changed. */
export class OutOfBoundsError extends HoldfastError {
  override readonly name = 'OutOfBoundsError'
  /** The counter as it is; undefined if there is none. */
  readonly value: number | bigint | undefined
  /** When the counter expires, as an RFC 3339 time; null if never, undefined if there is none. */
  readonly expiresAt: string | null | undefined
  constructor(message: string, details: ErrorDetails, value: number | bigint | undefined, expiresAt: string | null | undefined) {
    super(message, details)
    this.value = value
    this.expiresAt = expiresAt
  }
}

/** An increment with `requireTtl` would leave a counter without an expiry (409 `ttl_required`); nothing was changed. */
export class TtlRequiredError extends HoldfastError {
  override readonly name = 'TtlRequiredError'
  /** Version of the permanent counter; undefined if there is no counter. */
  readonly version: string | undefined
  constructor(message: string, details: ErrorDetails, version: string | undefined) {
    super(message, details)
    this.version = version
  }
}

/** The value is larger than the service accepts (413). */
export class TooLargeError extends HoldfastError {
  override readonly name = 'TooLargeError'
}

/** The caller exceeded its rate limit (429). Wait for `retryAfter` seconds. */
export class RateLimitedError extends HoldfastError {
  override readonly name = 'RateLimitedError'
}

/**
 * The service or its database cannot process requests now (503, 408), or, for a read, a proxy says so (any 5xx). A write that
 * ends with this error was certainly not applied.
 */
export class UnavailableError extends HoldfastError {
  override readonly name = 'UnavailableError'
}

/** The service failed (500). Its log has the cause under `requestId`. */
export class InternalError extends HoldfastError {
  override readonly name = 'InternalError'
}

/** The service could not be reached, or the connection broke. A write that may have been applied is an {@link OutcomeUnknownError} instead. */
export class ConnectionError extends HoldfastError {
  override readonly name = 'ConnectionError'
}

/** No response within `timeout` or `totalTimeout`. A write that may have been applied is an {@link OutcomeUnknownError} instead. */
export class TimeoutError extends HoldfastError {
  override readonly name = 'TimeoutError'
}

/**
 * A response does not come from the service, or is not what the route responds with: a page of a proxy, a redirect, another
 * program. For a write it is the `cause` of an {@link OutcomeUnknownError}.
 */
export class UnexpectedResponseError extends HoldfastError {
  override readonly name = 'UnexpectedResponseError'
}

/**
 * A write may or may not have been applied; `cause` says why the client cannot tell. Call again with this `idempotencyKey` to
 * retry the same write, which returns its original outcome, or read the item.
 */
export class OutcomeUnknownError extends HoldfastError {
  override readonly name = 'OutcomeUnknownError'
  /** Undefined for writes of namespaces and API keys, which cannot be retried safely: list them to see what holds. */
  readonly idempotencyKey: string | undefined
  constructor(message: string, details: Omit<ErrorDetails, 'code'>, idempotencyKey: string | undefined) {
    super(message, { ...details, code: 'outcome_unknown' })
    this.idempotencyKey = idempotencyKey
  }
}

/** `lock` could not acquire the lock within `wait`, because somebody else holds it. */
export class LockHeldError extends HoldfastError {
  override readonly name = 'LockHeldError'
}

/** The reason of a lock's `signal`: the lock is lost, or can no longer be proven to be held. */
export class LockLostError extends HoldfastError {
  override readonly name = 'LockLostError'
}
