import type { ErrorCode } from '@holdfast/contracts'
import {
  ChecksFailedError,
  CursorGoneError,
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
  VersionNotKeptError,
} from './errors.js'

/** An error response of the service (RFC 9457). */
export interface Problem {
  readonly code: string
  readonly detail: string
  readonly faults: readonly Fault[]
  /** Indexes of the failed checks of a transaction. */
  readonly failedChecks: readonly number[]
  /** Index of the failed operation of a transaction. */
  readonly failedOperation: number | undefined
  /** The number of the counter. */
  readonly value: number | bigint | undefined
  /** The expiry of the counter. */
  readonly expiresAt: string | null | undefined
  /** The current version of the item. */
  readonly version: string | undefined
}

/** A response whose status is an error. */
export interface ErrorResponse {
  readonly status: number
  readonly headers: Headers
  readonly problem: Problem | undefined
}

/** Returns the version in an ETag. The problem's `version` has priority, because proxies that compress responses change ETags. */
const entityTagVersion = (headers: Headers): string | undefined => /^"([1-9][0-9]*)"$/.exec(headers.get('etag') ?? '')?.[1]

const isFault = (fault: unknown): fault is Fault => typeof fault === 'object' && fault !== null && 'path' in fault && 'message' in fault

/**
 * Reads a body as a problem of the service. Returns undefined if it is not one. Only a problem whose `type` contains its `code` proves
 * that the service itself responded, and not a proxy.
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

type Factory = (message: string, details: ErrorDetails, problem: Problem) => HoldfastError
type Plain = new (message: string, details: ErrorDetails) => HoldfastError

const plain =
  (Class: Plain): Factory =>
  (message, details) =>
    new Class(message, details)
const invalid: Factory = (message, details, { faults }) => new InvalidRequestError(message, details, faults)

/** The error class of each code. A new code in the contracts is a compile error until it has one. */
const factories: { readonly [Code in ErrorCode]: Factory } = {
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
  version_not_kept: plain(VersionNotKeptError),
  item_exists: (message, details, { version }) => new ItemExistsError(message, details, version),
  not_a_number: plain(NotANumberError),
  ttl_required: (message, details, { version }) => new TtlRequiredError(message, details, version),
  out_of_bounds: (message, details, { value, expiresAt }) => new OutOfBoundsError(message, details, value, expiresAt),
  idempotency_key_reused: invalid,
  idempotency_in_progress: plain(UnavailableError),
  cursor_gone: plain(CursorGoneError),
  precondition_failed: (message, details, { version }) => new PreconditionFailedError(message, details, version),
  checks_failed: (message, details, { failedChecks }) => new ChecksFailedError(message, details, failedChecks),
  too_large: plain(TooLargeError),
  rate_limited: plain(RateLimitedError),
  request_timeout: plain(UnavailableError),
  database_unavailable: plain(UnavailableError),
  overloaded: plain(UnavailableError),
  too_many_streams: plain(UnavailableError),
  outcome_unknown: plain(HoldfastError),
  internal: plain(InternalError),
}

/** Returns the error class of a response without a code, such as that of a proxy. */
const byStatus = (status: number): Plain => {
  if (status === 429) return RateLimitedError
  return status === 408 || status === 425 || status >= 500 ? UnavailableError : UnexpectedResponseError
}

const foreignMessage = (call: string, { status, headers }: ErrorResponse): string => {
  const location = headers.get('location')
  if (location !== null) return `${call}: ${status} redirects to ${location}; set the url to the address of the service`
  const type = headers.get('content-type')?.split(';')[0] ?? 'no body'
  return `${call}: ${status} with ${type} is not a response of Holdfast; check that the url is the address of the service`
}

/** Returns the error of an error response. `call` is the method, its key and the url, for the message. */
export const responseError = (call: string, response: ErrorResponse, details: Omit<ErrorDetails, 'code' | 'status'>): HoldfastError => {
  const { status, problem } = response
  if (problem === undefined) {
    return new (byStatus(status))(foreignMessage(call, response), { ...details, status, code: 'unexpected_response' })
  }
  const { code, detail, failedOperation } = problem
  const request = details.requestId === undefined ? '' : ` (request ${details.requestId})`
  const create = Object.hasOwn(factories, code) ? factories[code as ErrorCode] : plain(HoldfastError)
  return create(`${call}: ${status} ${code}: ${detail}${request}`, { ...details, status, code, failedOperation }, problem)
}
