import { errors, type Problem } from '@holdfast/contracts'
import { JsonText, stringifyJson } from '../lib/json-text.js'
import { DatabaseOverloaded, DatabaseUnavailable, OutcomeUnknown } from '../postgres/errors.js'
import { ApiError } from './api-error.js'

/** A refusal as it is sent. */
export interface ProblemResponse {
  readonly status: number
  readonly body: string
  readonly headers: Record<string, string>
}

/** A problem whose value keeps its digits. */
type ProblemBody = Omit<Problem, 'value'> & { readonly value: JsonText | undefined }

/** The body of a refusal (RFC 9457). */
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

/** Between 1 and 3 seconds, so that callers who were refused together do not come back together. */
export const retryAfterSeconds = (): number => 1 + Math.floor(Math.random() * 3)

/** What a thrown error tells the caller. Everything that is not known to be harmless is `internal` and tells nothing. */
const toApiError = (error: unknown): ApiError => {
  if (error instanceof ApiError) return error
  if (error instanceof DatabaseUnavailable) {
    return new ApiError('database_unavailable', 'the request was not applied: the database cannot be reached', {
      cause: error,
      retryAfterSeconds: 1,
    })
  }
  if (error instanceof DatabaseOverloaded) {
    return new ApiError('overloaded', `the request was not applied: ${error.message}`, {
      cause: error,
      retryAfterSeconds: retryAfterSeconds(),
    })
  }
  if (error instanceof OutcomeUnknown) {
    return new ApiError('outcome_unknown', 'the database did not confirm the write: it may or may not have been applied', { cause: error })
  }
  return new ApiError('internal', 'the service failed; its log has the cause under this request id', { cause: error })
}

/** The only way from an error to an answer. */
export const toProblem = (error: unknown, requestId: string): ProblemResponse => {
  const rejection = toApiError(error)
  const { details } = rejection
  const body = problemBody(rejection, requestId)
  const headers: Record<string, string> = { 'content-type': 'application/problem+json', ...details.headers }
  if (details.version !== undefined) headers.etag = `"${details.version}"`
  if (details.retryAfterSeconds !== undefined) headers['retry-after'] = String(details.retryAfterSeconds)
  return { status: body.status, body: stringifyJson(body), headers }
}
