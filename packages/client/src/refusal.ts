import type { ErrorCode } from '@holdfast/contracts'
import {
  ChecksFailedError,
  type ErrorDetails,
  type Fault,
  ForbiddenError,
  HoldfastError,
  InternalError,
  InvalidRequestError,
  ItemExistsError,
  ItemNotFoundError,
  NamespaceFullError,
  NotANumberError,
  OutOfBoundsError,
  PreconditionFailedError,
  RateLimitedError,
  TooLargeError,
  UnauthenticatedError,
  UnavailableError,
  UnexpectedAnswerError,
} from './errors.js'

/** A problem of the service (RFC 9457), as far as it is one. */
export interface Problem {
  readonly code: string
  readonly detail: string
  readonly faults: readonly Fault[]
  /** Places of the checks of a transaction that do not hold, and of the operation that was refused. */
  readonly failedChecks: readonly number[]
  readonly failedOperation: number | undefined
  /** Of a counter. */
  readonly value: number | bigint | undefined
}

/** An answer whose status is a refusal. */
export interface RefusedAnswer {
  readonly status: number
  readonly headers: Headers
  readonly problem: Problem | undefined
}

/** Reads a body as a problem; undefined where it is not one of the service's. */
export const readProblem = (headers: Headers, body: unknown): Problem | undefined => {
  if (!headers.get('content-type')?.startsWith('application/problem+json') || typeof body !== 'object' || body === null) return undefined
  const { code, detail, errors, value, failed_checks, failed_operation } = body as Record<string, unknown>
  if (typeof code !== 'string') return undefined
  return {
    code,
    detail: String(detail),
    faults: Array.isArray(errors) ? (errors as Fault[]) : [],
    failedChecks: Array.isArray(failed_checks) ? (failed_checks as number[]) : [],
    failedOperation: typeof failed_operation === 'number' ? failed_operation : undefined,
    value: typeof value === 'number' || typeof value === 'bigint' ? value : undefined,
  }
}

/** The version in an ETag of the service. */
const versionOf = (headers: Headers): string | undefined => /^"(.*)"$/.exec(headers.get('etag') ?? '')?.[1]

type Make = (message: string, details: ErrorDetails, answer: RefusedAnswer) => HoldfastError
type Plain = new (message: string, details: ErrorDetails) => HoldfastError

const plain =
  (Class: Plain): Make =>
  (message, details) =>
    new Class(message, details)
const invalid: Make = (message, details, { problem }) => new InvalidRequestError(message, details, problem?.faults)

/** The class of each code; a code that the contracts add does not compile until it has one. */
const makers: { readonly [Code in ErrorCode]: Make } = {
  validation_failed: invalid,
  malformed_json: invalid,
  malformed_request: invalid,
  key_mismatch: invalid,
  route_not_found: invalid,
  method_not_allowed: invalid,
  unsupported_media_type: invalid,
  headers_too_large: invalid,
  unauthenticated: plain(UnauthenticatedError),
  forbidden: plain(ForbiddenError),
  namespace_not_found: plain(HoldfastError),
  namespace_exists: plain(HoldfastError),
  namespace_full: plain(NamespaceFullError),
  api_key_not_found: plain(HoldfastError),
  item_not_found: plain(ItemNotFoundError),
  item_exists: (message, details, { headers }) => new ItemExistsError(message, details, versionOf(headers)),
  not_a_number: plain(NotANumberError),
  ttl_required: plain(HoldfastError),
  out_of_bounds: (message, details, { problem }) => new OutOfBoundsError(message, details, problem?.value),
  idempotency_key_reused: invalid,
  idempotency_in_progress: plain(UnavailableError),
  precondition_failed: (message, details, { headers }) => new PreconditionFailedError(message, details, versionOf(headers)),
  checks_failed: (message, details, { problem }) => new ChecksFailedError(message, details, problem?.failedChecks ?? []),
  too_large: plain(TooLargeError),
  rate_limited: plain(RateLimitedError),
  request_timeout: plain(UnavailableError),
  database_unavailable: plain(UnavailableError),
  overloaded: plain(UnavailableError),
  outcome_unknown: plain(HoldfastError),
  internal: plain(InternalError),
}

/** Classes for answers of proxies and the like, which have a status and no code. */
const byStatus = (status: number): Plain => {
  if (status === 429) return RateLimitedError
  return status === 408 || status >= 500 ? UnavailableError : UnexpectedAnswerError
}

/** The error that a refusal is. `operation` names the route, never the key. */
export const refusalError = (operation: string, answer: RefusedAnswer, details: Omit<ErrorDetails, 'code' | 'status'>): HoldfastError => {
  const { status, problem } = answer
  const request = details.requestId === undefined ? '' : ` (request ${details.requestId})`
  if (problem === undefined) {
    const location = answer.headers.get('location')
    const hint =
      location === null
        ? 'without a problem of Holdfast; is the url that of the service?'
        : `that leads to ${location}; set the url to where the service is`
    return new (byStatus(status))(`${operation} was answered with ${status} ${hint}`, { ...details, status, code: 'unexpected_answer' })
  }
  const message = `${operation} was refused with ${status} ${problem.code}: ${problem.detail}${request}`
  const make = Object.hasOwn(makers, problem.code) ? makers[problem.code as ErrorCode] : plain(HoldfastError)
  return make(message, { ...details, status, code: problem.code, failedOperation: problem.failedOperation }, answer)
}
