import { errors, type Problem } from '@holdfast/contracts'
import { JsonText, stringifyJson } from '../lib/json-text.js'
import { DatabaseOverloaded, DatabaseUnavailable, OutcomeUnknown } from '../postgres/errors.js'
import { ApiError } from './api-error.js'

/** The parts of an error response. */
export interface ProblemResponse {
  readonly status: number
  readonly body: string
  readonly headers: Record<string, string>
}

/** A problem whose value keeps all of its digits. */
type ProblemBody = Omit<Problem, 'value'> & { readonly value: JsonText | undefined }

/** Creates the body of an error response (RFC 9457). */
export const problemBody = ({ code, message, details }: ApiError, requestId: string): ProblemBody => ({
  type: `/problems/${code}`,
  title: errors[code].title,
  status: errors[code].status,
  detail: message,
  instance: requestId,
  code,
  version: details.version,
  ...details.extensions,
  value: details.extensions?.value === undefined ? undefined : new JsonText(details.extensions.value),
  errors: details.faults === undefined ? undefined : [...details.faults],
})

/** Returns a random delay of 1 to 3 seconds, so that clients that were rejected together do not retry together. */
export const retryAfterSeconds = (): number => 1 + Math.floor(Math.random() * 3)

/** Converts a thrown error. An unexpected error becomes `internal`, without its message, which could reveal internals. */
const toApiError = (error: unknown): ApiError => {
  if (error instanceof ApiError) return error
  if (error instanceof DatabaseUnavailable) {
    return new ApiError('database_unavailable', 'The request was not applied: the database cannot be reached. Send it again later.', {
      cause: error,
      retryAfterSeconds: 1,
    })
  }
  if (error instanceof DatabaseOverloaded) {
    return new ApiError('overloaded', `The request was not applied: ${error.message}. Send it again later.`, {
      cause: error,
      retryAfterSeconds: retryAfterSeconds(),
    })
  }
  if (error instanceof OutcomeUnknown) {
    const detail =
      'The database did not confirm the write, so it may have been applied. Read the item, or retry with the same Idempotency-Key.'
    return new ApiError('outcome_unknown', detail, { cause: error })
  }
  return new ApiError('internal', 'The service failed. Its log has the cause with this request id.', { cause: error })
}

/** Creates the response to an error. */
export const toProblem = (error: unknown, requestId: string): ProblemResponse => {
  const rejection = toApiError(error)
  const { details } = rejection
  const body = problemBody(rejection, requestId)
  const headers: Record<string, string> = { 'content-type': 'application/problem+json', ...details.headers }
  if (details.version !== undefined) headers.etag = `"${details.version}"`
  if (details.retryAfterSeconds !== undefined) headers['retry-after'] = String(details.retryAfterSeconds)
  return { status: body.status, body: stringifyJson(body), headers }
}
