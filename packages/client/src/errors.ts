import type { ErrorCode } from '@holdfast/contracts'

/** Codes of failures that the client itself finds. */
export type ClientErrorCode =
  | 'invalid_argument'
  | 'stored_value_mismatch'
  | 'connection_failed'
  | 'timeout'
  | 'unexpected_answer'
  | 'outcome_unknown'

/** What is known about a failed call. */
export interface ErrorDetails {
  /** The stable code: one of the API's, one of the client's, or one that a newer service has. */
  readonly code: ErrorCode | ClientErrorCode | (string & {})
  /** HTTP status of the last answer; undefined where there was none. */
  readonly status?: number | undefined
  /** Id under which the service logged the request, where it answered. */
  readonly requestId?: string | undefined
  /** Requests that were sent. */
  readonly attempts: number
  /** Place of the operation of a transaction that was refused, from 0. */
  readonly failedOperation?: number | undefined
  /** Seconds that the service, or the retry rules, wanted to wait before another attempt. */
  readonly retryAfter?: number | undefined
  readonly cause?: unknown
}

/** Base of everything that a call throws, except the reason of an aborted `signal`. Never holds an API key or a value. */
export class HoldfastError extends Error {
  override readonly name: string = 'HoldfastError'
  readonly code: ErrorDetails['code']
  readonly status: number | undefined
  readonly requestId: string | undefined
  readonly attempts: number
  /** Seconds. */
  readonly retryAfter: number | undefined
  /** Place of the operation of a transaction that was refused, from 0. */
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

/** One fault of a request or of a value: where it is and what is expected there. */
export interface Fault {
  readonly path: string
  readonly message: string
}

/** The service refused the request for a fault in it (400, 405, 415, 431), or has no such route; `faults` names each where it can. */
export class InvalidRequestError extends HoldfastError {
  override readonly name = 'InvalidRequestError'
  readonly faults: readonly Fault[]
  constructor(message: string, details: ErrorDetails, faults: readonly Fault[] = []) {
    super(message, details)
    this.faults = faults
  }
}

/** The client refused an argument before anything was sent: a key that no URL can carry, a value that is not JSON or does not fit its schema. */
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

/** The API key is valid and not for this (403 `forbidden`). */
export class ForbiddenError extends HoldfastError {
  override readonly name = 'ForbiddenError'
}

/** The namespace has all the items that it may have (409 `namespace_full`). */
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
  /** Version of the item that is there. */
  readonly version: string | undefined
  constructor(message: string, details: ErrorDetails, version: string | undefined) {
    super(message, details)
    this.version = version
  }
}

/** `ifMatch` or `ifNoneMatch` did not hold at the instant of the write (412). */
export class PreconditionFailedError extends HoldfastError {
  override readonly name = 'PreconditionFailedError'
  /** Version of the item as it is; undefined where there is none. */
  readonly version: string | undefined
  constructor(message: string, details: ErrorDetails, version: string | undefined) {
    super(message, details)
    this.version = version
  }
}

/** Checks of a transaction did not hold (412 `checks_failed`); nothing was changed. */
export class ChecksFailedError extends HoldfastError {
  override readonly name = 'ChecksFailedError'
  /** Places of these checks, from 0. */
  readonly failedChecks: readonly number[]
  constructor(message: string, details: ErrorDetails, failedChecks: readonly number[]) {
    super(message, details)
    this.failedChecks = failedChecks
  }
}

/** An increment found a value that is no number (409 `not_a_number`). */
export class NotANumberError extends HoldfastError {
  override readonly name = 'NotANumberError'
}

/** An increment would have gone beyond `min`, `max` or what integers may be (409 `out_of_bounds`); nothing was changed. */
export class OutOfBoundsError extends HoldfastError {
  override readonly name = 'OutOfBoundsError'
  /** The counter as it is; undefined where there is none. */
  readonly value: number | bigint | undefined
  constructor(message: string, details: ErrorDetails, value: number | bigint | undefined) {
    super(message, details)
    this.value = value
  }
}

/** The value is larger than the service takes (413). */
export class TooLargeError extends HoldfastError {
  override readonly name = 'TooLargeError'
}

/** The caller used up its requests (429); `retryAfter` says for how many seconds. */
export class RateLimitedError extends HoldfastError {
  override readonly name = 'RateLimitedError'
}

/** The service, its database or a proxy before it cannot take requests now (503, 502, 504, 408). A write that ends so was surely not applied. */
export class UnavailableError extends HoldfastError {
  override readonly name = 'UnavailableError'
}

/** The service failed (500); its log has the cause under `requestId`. */
export class InternalError extends HoldfastError {
  override readonly name = 'InternalError'
}

/** The service could not be reached, or the connection broke. A write that may have been applied is an {@link OutcomeUnknownError} instead. */
export class ConnectionError extends HoldfastError {
  override readonly name = 'ConnectionError'
}

/** No answer within `timeout` or `totalTimeout`. A write that may have been applied is an {@link OutcomeUnknownError} instead. */
export class TimeoutError extends HoldfastError {
  override readonly name = 'TimeoutError'
}

/** Something answered that is not the service: a proxy's page, a redirect, another program. */
export class UnexpectedAnswerError extends HoldfastError {
  override readonly name = 'UnexpectedAnswerError'
}

/**
 * A write may or may not have been applied; `cause` says why that is not known. Call again with this `idempotencyKey` to
 * repeat the same write, or read the item to see what holds.
 */
export class OutcomeUnknownError extends HoldfastError {
  override readonly name = 'OutcomeUnknownError'
  /** Undefined for writes of namespaces and API keys, which have no record: look what holds. */
  readonly idempotencyKey: string | undefined
  constructor(message: string, details: Omit<ErrorDetails, 'code'>, idempotencyKey: string | undefined) {
    super(message, { ...details, code: 'outcome_unknown' })
    this.idempotencyKey = idempotencyKey
  }
}
