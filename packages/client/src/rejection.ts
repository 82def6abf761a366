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
  TtlRequiredError,
  UnauthenticatedError,
  UnavailableError,
  UnexpectedResponseError,
} from './errors.js'

/** A problem of the service (RFC 9457). */
export interface Problem {
  readonly code: string
  readonly detail: string
  readonly faults: readonly Fault[]
  /** Indexes of the checks of a transaction that do not hold, and of the operation that failed. */
  readonly failedChecks: readonly number[]
  readonly failedOperation: number | undefined
  /** Of a counter. */
  readonly value: number | bigint | undefined
  readonly expiresAt: string | null | undefined
  /** Of the item as it is. */
  readonly version: string | undefined
}

/** A response whose status is an error. */
export interface ErrorResponse {
  readonly status: number
  readonly headers: Headers
  readonly problem: Problem | undefined
}

/** The version in an ETag of the service. Proxies that compress change ETags, so the problem's own `version` comes first. */
const entityTagVersion = (headers: Headers): string | undefined => /^"([1-9][0-9]*)"$/.exec(headers.get('etag') ?? '')?.[1]

const isFault = (fault: unknown): fault is Fault => typeof fault === 'object' && fault !== null && 'path' in fault && 'message' in fault

/**
 * Reads a body as a problem; undefined if it is not one of the service's. Only a problem whose `type` names its own `code`
 * proves that the service itself responded, and not a proxy in front of it.
 */
export const readProblem = (status: number, headers: Headers, body: unknown): Problem | undefined => {
  if (!headers.get('content-type')?.startsWith('application/problem+json') || typeof body !== 'object' || body === null) return undefined
  const { type, code, detail, errors, value, version, expires_at, failed_checks, failed_operation, ...rest } = body as Record<
    string,
    unknown
  >
  if (typeof code !== 'string' || typeof type !== 'string' || !type.endsWith(`/problems/${code}`) || rest.status !== status)
    return undefined
  return {
    code,
    detail: String(detail),
    faults: Array.isArray(errors) ? errors.filter(isFault) : [],
    failedChecks: Array.isArray(failed_checks) ? (failed_checks as number[]) : [],
    failedOperation: typeof failed_operation === 'number' ? failed_operation : undefined,
    value: typeof value === 'number' || typeof value === 'bigint' ? value : undefined,
    expiresAt: typeof expires_at === 'string' || expires_at === null ? expires_at : undefined,
    version: typeof version === 'string' ? version : entityTagVersion(headers),
  }
}

type Make = (message: string, details: ErrorDetails, problem: Problem) => HoldfastError
type Plain = new (message: string, details: ErrorDetails) => HoldfastError

const plain =
  (Class: Plain): Make =>
  (message, details) =>
    new Class(message, details)
const invalid: Make = (message, details, { faults }) => new InvalidRequestError(message, details, faults)

/** The class of each code. A code that the contracts add does not compile until it has one. */
const makers: { readonly [Code in ErrorCode]: Make } = {
  validation_failed: invalid,
  malformed_json: invalid,
  malformed_request: invalid,
  key_mismatch: invalid,
  route_not_found: invalid,
  method_not_allowed: invalid,
  unsupported_media_type: invalid,
  headers_too_large: invalid,
  expectation_failed: invalid,
  http_version_not_supported: invalid,
  unauthenticated: plain(UnauthenticatedError),
  forbidden: plain(ForbiddenError),
  namespace_not_found: plain(HoldfastError),
  namespace_exists: plain(HoldfastError),
  namespace_full: plain(NamespaceFullError),
  api_key_not_found: plain(HoldfastError),
  item_not_found: plain(ItemNotFoundError),
  item_exists: (message, details, { version }) => new ItemExistsError(message, details, version),
  not_a_number: plain(NotANumberError),
  ttl_required: (message, details, { version }) => new TtlRequiredError(message, details, version),
  out_of_bounds: (message, details, { value, expiresAt }) => new OutOfBoundsError(message, details, value, expiresAt),
  idempotency_key_reused: invalid,
  idempotency_in_progress: plain(UnavailableError),
  precondition_failed: (message, details, { version }) => new PreconditionFailedError(message, details, version),
  checks_failed: (message, details, { failedChecks }) => new ChecksFailedError(message, details, failedChecks),
  too_large: plain(TooLargeError),
  rate_limited: plain(RateLimitedError),
  request_timeout: plain(UnavailableError),
  database_unavailable: plain(UnavailableError),
  overloaded: plain(UnavailableError),
  outcome_unknown: plain(HoldfastError),
  internal: plain(InternalError),
}

/** Classes for responses of proxies and the like, which have a status and no code. */
const byStatus = (status: number): Plain => {
  if (status === 429) return RateLimitedError
  return status === 408 || status === 425 || status >= 500 ? UnavailableError : UnexpectedResponseError
}

const foreign = (call: string, { status, headers }: ErrorResponse): string => {
  const location = headers.get('location')
  if (location !== null) return `${call}: ${status} leads to ${location}; set the url to the address of the service`
  const type = headers.get('content-type')?.split(';')[0] ?? 'no body'
  return `${call}: ${status} with ${type} is not a response of Holdfast; is the url that of the service?`
}

/** The error that a response stands for. `call` names the method, its key and the url. */
export const responseError = (call: string, response: ErrorResponse, details: Omit<ErrorDetails, 'code' | 'status'>): HoldfastError => {
  const { status, problem } = response
  if (problem === undefined) {
    return new (byStatus(status))(foreign(call, response), { ...details, status, code: 'unexpected_response' })
  }
  const { code, detail, failedOperation } = problem
  const request = details.requestId === undefined ? '' : ` (request ${details.requestId})`
  const make = Object.hasOwn(makers, code) ? makers[code as ErrorCode] : plain(HoldfastError)
  return make(`${call}: ${status} ${code}: ${detail}${request}`, { ...details, status, code, failedOperation }, problem)
}
