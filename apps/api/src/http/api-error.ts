import type { ErrorCode, Fault } from '@holdfast/contracts'
import type { z } from 'zod'

/** Extension members that problems of some codes have (RFC 9457 section 3.2). */
export interface ApiErrorExtensions {
  /** The version of the item that the failed operation of a transaction concerns. */
  readonly version?: string | undefined
  /** The JSON text of a counter that was not changed. */
  readonly value?: string | undefined
  /** The expiry of that counter. Null if it never expires. */
  readonly expires_at?: string | null | undefined
  /** The indexes of the failed checks of a transaction. */
  readonly failed_checks?: number[]
  /** The index of the failed operation of a transaction. */
  readonly failed_operation?: number
}

/** The optional parts of an {@link ApiError}. */
export interface ApiErrorDetails {
  readonly faults?: readonly z.output<typeof Fault>[]
  /** The current version of the item. */
  readonly version?: string | undefined
  /** Extension members of the problem. */
  readonly extensions?: ApiErrorExtensions | undefined
  /** Seconds after which the client should retry. */
  readonly retryAfterSeconds?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/**
 * An error that the response reports to the caller, with `detail`. It has no stack trace, because collecting one was the most expensive
 * step of reading an item that does not exist.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ErrorCode
  readonly details: ApiErrorDetails

  constructor(code: ErrorCode, detail: string, details: ApiErrorDetails = {}) {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(detail, { cause: details.cause })
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
    this.details = details
  }
}

/** Creates an error that reports the same fault for several parts of the request. */
export const invalidAt = (paths: readonly string[], message: string): ApiError =>
  new ApiError('validation_failed', `${paths[0]}: ${message}`, { faults: paths.map((path) => ({ path, message })) })

/** Creates an error that reports one fault of the request. */
export const invalid = (path: string, message: string): ApiError => invalidAt([path], message)
