import type { ErrorCode, Fault } from '@holdfast/contracts'
import type { z } from 'zod'

/** Members of a problem that some codes have (RFC 9457 section 3.2). */
export interface ApiErrorExtensions {
  /** Version of the item that an operation of a transaction is about. */
  readonly version?: string | undefined
  /** JSON text of a counter that stays as it is. */
  readonly value?: string | undefined
  /** When that counter expires; null if never. */
  readonly expires_at?: string | null | undefined
  /** Places of the checks of a transaction that do not hold. */
  readonly failed_checks?: number[]
  /** Place of the operation of a transaction that was refused. */
  readonly failed_operation?: number
}

/** What a refusal carries besides its code. */
export interface ApiErrorDetails {
  readonly faults?: readonly z.output<typeof Fault>[]
  /** Version of the item that stood in the way. */
  readonly version?: string | undefined
  /** Members of the problem beside those that all have. */
  readonly extensions?: ApiErrorExtensions | undefined
  /** Whole seconds after which a repeat makes sense. */
  readonly retryAfterSeconds?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/**
 * A request that is refused for a reason that its caller should know. `detail` is shown to the caller. Without a stack: it is an answer
 * and no fault, and collecting one was the dearest step of a read of an item that is not there.
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

/** An error that names several parts of the request with the same fault. */
export const invalidAt = (paths: readonly string[], message: string): ApiError =>
  new ApiError('validation_failed', `${paths[0]} ${message}`, { faults: paths.map((path) => ({ path, message })) })

/** A refusal that names one fault of the request. */
export const invalid = (path: string, message: string): ApiError => invalidAt([path], message)
