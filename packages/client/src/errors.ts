import type { ErrorCode } from '@holdfast/contracts'

/** Codes of errors of the client itself. */
export type ClientErrorCode =
  | 'invalid_argument'
  | 'stored_value_mismatch'
  | 'connection_failed'
  | 'timeout'
  | 'unexpected_response'
  | 'outcome_unknown'
  | 'lock_held'
  | 'lock_lost'

/** Details of a failed call. */
export interface ErrorDetails {
  /** The stable code: one of the API, one of the client, or one that only a newer service has. */
  readonly code: ErrorCode | ClientErrorCode | (string & {})
  /** HTTP status of the last response; undefined if there was none. */
  readonly status?: number | undefined
  /** Id under which the service logged the request, if it responded. */
  readonly requestId?: string | undefined
  /** Number of attempts. */
  readonly attempts: number
  /** Index of the failed operation of a transaction, from 0. */
  readonly failedOperation?: number | undefined
  /** Seconds to wait before another attempt, as requested by the service or the retry rules. */
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
  /** Index of the failed operation of a transaction, from 0. */
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

/** An error in a request or a value, with its path. */
export interface Fault {
  readonly path: string
  readonly message: string
}

/** The service rejected the request as invalid (400, 405, 415, 431), or has no such route. `faults` has the errors in the request. */
export class InvalidRequestError extends HoldfastError {
  override readonly name = 'InvalidRequestError'
  readonly faults: readonly Fault[]
  constructor(message: string, details: ErrorDetails, faults: readonly Fault[] = []) {
    super(message, details)
    this.faults = faults
  }
}

/**
 * An argument is invalid, and nothing was sent. Examples are a key that URLs cannot carry, a value that is not JSON or does not match
 * its schema, an unknown option, and a request that `fetch` does not send.
 */
export class InvalidArgumentError extends HoldfastError {
  override readonly name = 'InvalidArgumentError'
  readonly faults: readonly Fault[]
  constructor(message: string, faults: readonly Fault[] = [], cause?: unknown) {
    super(message, { code: 'invalid_argument', attempts: 0, cause })
    this.faults = faults
  }
}

/** A stored value does not match the schema of `client.typed(schema)`. */
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

/** The namespace already has `maxItems` items (409 `namespace_full`). */
export class NamespaceFullError extends HoldfastError {
  override readonly name = 'NamespaceFullError'
}

/** There is no live item with this key (404 `item_not_found`). */
export class ItemNotFoundError extends HoldfastError {
  override readonly name = 'ItemNotFoundError'
}

/** The history does not have the version, or does not reach back to the time (404 `version_not_kept`). */
export class VersionNotKeptError extends HoldfastError {
  override readonly name = 'VersionNotKeptError'
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

/** `ifMatch` or `ifNoneMatch` did not hold (412). Nothing was changed. */
export class PreconditionFailedError extends HoldfastError {
  override readonly name = 'PreconditionFailedError'
  /** Current version of the item, or undefined if there is none. */
  readonly version: string | undefined
  constructor(message: string, details: ErrorDetails, version: string | undefined) {
    super(message, details)
    this.version = version
  }
}

/** Checks of a transaction did not hold (412 `checks_failed`). Nothing was changed. */
export class ChecksFailedError extends HoldfastError {
  override readonly name = 'ChecksFailedError'
  /** Indexes of the failed checks, from 0. */
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

/** An increment would exceed `min`, `max` or the range of integers (409 `out_of_bounds`). Nothing was changed. */
export class OutOfBoundsError extends HoldfastError {
  override readonly name = 'OutOfBoundsError'
  /** The current number of the counter, or undefined if there is none. */
  readonly value: number | bigint | undefined
  /** The expiry of the counter as an RFC 3339 time, null if it never expires, or undefined if there is no counter. */
  readonly expiresAt: string | null | undefined
  constructor(message: string, details: ErrorDetails, value: number | bigint | undefined, expiresAt: string | null | undefined) {
    super(message, details)
    this.value = value
    this.expiresAt = expiresAt
  }
}

/** An increment with `requireTtl` would leave a counter without an expiry (409 `ttl_required`). Nothing was changed. */
export class TtlRequiredError extends HoldfastError {
  override readonly name = 'TtlRequiredError'
  /** Version of the permanent counter, or undefined if there is no counter. */
  readonly version: string | undefined
  constructor(message: string, details: ErrorDetails, version: string | undefined) {
    super(message, details)
    this.version = version
  }
}

/**
 * The change log has no changes after this cursor any more, or the cursor comes from another database (410). List the items and continue
 * with a new cursor.
 */
export class CursorGoneError extends HoldfastError {
  override readonly name = 'CursorGoneError'
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
 * The service or its database cannot process requests at the moment (503, 408). For a read, also any 5xx of a proxy. A write that fails
 * with this error was not applied.
 */
export class UnavailableError extends HoldfastError {
  override readonly name = 'UnavailableError'
}

/** The service failed (500). Its log has the cause under `requestId`. */
export class InternalError extends HoldfastError {
  override readonly name = 'InternalError'
}

/**
 * The service is unreachable, or the connection broke. A write that may have been applied throws an {@link OutcomeUnknownError} instead.
 */
export class ConnectionError extends HoldfastError {
  override readonly name = 'ConnectionError'
}

/** No response within `timeout` or `totalTimeout`. A write that may have been applied throws an {@link OutcomeUnknownError} instead. */
export class TimeoutError extends HoldfastError {
  override readonly name = 'TimeoutError'
}

/**
 * A response did not come from the service, or is not a response of the route. Examples are a page of a proxy, a redirect, and a response
 * of another program. For a write, this is the `cause` of an {@link OutcomeUnknownError}.
 */
export class UnexpectedResponseError extends HoldfastError {
  override readonly name = 'UnexpectedResponseError'
}

/**
 * A write may or may not have been applied. `cause` is the reason. To get the original outcome, call again with this `idempotencyKey`,
 * which retries the same write, or read the item.
 */
export class OutcomeUnknownError extends HoldfastError {
  override readonly name = 'OutcomeUnknownError'
  /** Undefined for writes to namespaces and API keys, which cannot be retried safely. List them to see the current state. */
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
