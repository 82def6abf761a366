import type { AttemptAnswer, Outcome } from './attempt.js'
import { ConnectionError, type HoldfastError, TimeoutError, UnexpectedAnswerError } from './errors.js'
import { type Problem, readProblem, refusalError } from './refusal.js'
import { retryAfterMs } from './retry-wait.js'

/** What a failed attempt means for its call. */
export interface Failure {
  /** The error that it is, where the call ends with it; `retryAfter` in seconds. */
  readonly error: (retryAfter?: number) => HoldfastError
  readonly status?: number
  readonly retryable: boolean
  /** What it says about a write: surely not applied by this attempt, by no attempt so far, or not known. */
  readonly applied: 'not by this attempt' | 'by no attempt' | 'unknown'
  readonly timedOut: boolean
  /** Milliseconds that the service asks to wait. */
  readonly askedMs?: number | undefined
}

const retryableStatuses = new Set([408, 429, 500, 502, 503, 504])
/** Refusals that say by themselves that nothing was applied, among those that are repeated. */
const notApplied = new Set(['rate_limited', 'request_timeout', 'database_unavailable', 'overloaded', 'idempotency_in_progress'])

/** A proxy's 5xx may hide anything, and a 500 may come from after the commit. A refusal that was recorded for the key is the one outcome of all attempts. */
const applied = ({ status, headers }: AttemptAnswer, retryable: boolean, problem: Problem | undefined): Failure['applied'] => {
  if (headers.get('idempotency-replayed') !== null) return 'by no attempt'
  return !retryable || status === 429 || notApplied.has(problem?.code ?? '') ? 'not by this attempt' : 'unknown'
}

const refused = (operation: string, answer: AttemptAnswer, attempts: number): Failure => {
  const { status, headers } = answer
  const problem = readProblem(headers, answer.body)
  const retryable = retryableStatuses.has(status) || problem?.code === 'idempotency_in_progress'
  const requestId = headers.get('x-request-id') ?? undefined
  return {
    error: (retryAfter) => refusalError(operation, { status, headers, problem }, { attempts, requestId, retryAfter }),
    status,
    retryable,
    applied: applied(answer, retryable, problem),
    timedOut: false,
    askedMs: retryAfterMs(headers),
  }
}

const unexpected = (operation: string, { status, headers }: AttemptAnswer, attempts: number): Failure => {
  const type = headers.get('content-type') ?? 'no body'
  const message = `${operation} was answered with ${status} and ${type}, where JSON is expected; is the url that of the service?`
  return {
    error: () => new UnexpectedAnswerError(message, { code: 'unexpected_answer', status, attempts }),
    retryable: false,
    applied: 'unknown',
    timedOut: false,
  }
}

/** Whether an answer is one of those that a route declares. */
const isSuccess = (status: number): boolean => (status >= 200 && status < 300) || status === 304

/** Whether an outcome is a failure, or an answer to give to the caller. */
export const isFailure = (judged: AttemptAnswer | Failure): judged is Failure => 'error' in judged

/** What a call makes of an attempt: its answer, where that is one that the route declares, else what went wrong. */
export const judge = (
  operation: string,
  method: string,
  outcome: Outcome,
  attempts: number,
  timeoutMs: number,
): AttemptAnswer | Failure => {
  if (outcome.kind === 'answer') {
    const { answer } = outcome
    if (!isSuccess(answer.status)) return refused(operation, answer, attempts)
    const wantsBody = method !== 'head' && answer.status !== 204 && answer.status !== 304
    return wantsBody && answer.body === undefined ? unexpected(operation, answer, attempts) : answer
  }
  if (outcome.kind === 'timeout') {
    const message = `${operation} was not answered within ${Math.round(timeoutMs)} ms`
    const error = () => new TimeoutError(message, { code: 'timeout', attempts })
    return { error, retryable: true, applied: 'unknown', timedOut: true }
  }
  const { sent, cause } = outcome
  const message = `${operation}: ${sent ? 'the connection broke before the whole answer was there' : 'the service cannot be reached'}`
  return {
    error: () => new ConnectionError(message, { code: 'connection_failed', attempts, cause }),
    retryable: true,
    applied: sent ? 'unknown' : 'not by this attempt',
    timedOut: false,
  }
}
