import type { AttemptResponse, Outcome } from './attempt.js'
import { ConnectionError, type HoldfastError, InvalidArgumentError, TimeoutError } from './errors.js'
import { type Problem, readProblem, responseError } from './rejection.js'
import { retryAfterMs } from './retry-wait.js'

/** A failed attempt. */
export interface Failure {
  /** Creates the error of the call if this attempt is the last. `retryAfter` is in seconds. */
  readonly error: (retryAfter?: number) => HoldfastError
  readonly status?: number
  readonly retryable: boolean
  /** Whether a write was applied: not by this attempt, by no attempt so far, or unknown. */
  readonly applied: 'not by this attempt' | 'by no attempt' | 'unknown'
  readonly timedOut: boolean
  /** The wait that the response requests, in milliseconds. */
  readonly requestedWaitMs?: number | undefined
}

/** The expectations of a call. */
export interface Expected {
  /** The method, its key and the url, for messages. */
  readonly call: string
  /** Whether a retry returns the original outcome: a write with an idempotency key. */
  readonly keyed: boolean
  /** Whether a response is a success that the route declares. */
  readonly isSuccess: (response: AttemptResponse) => boolean
}

const retryableStatuses = new Set([408, 429, 500, 502, 503, 504])
/** Codes of retryable errors that say that the write was not applied. After any other, it may have been applied. */
const notApplied = new Set(['rate_limited', 'request_timeout', 'database_unavailable', 'overloaded', 'idempotency_in_progress'])

/** Returns what an error response says about a write. An error that was recorded for its key is the outcome of all attempts. */
const applied = ({ status, headers }: AttemptResponse, { code }: Problem): Failure['applied'] => {
  if (headers.get('idempotency-replayed') !== null) return 'by no attempt'
  return (status < 500 && status !== 408) || notApplied.has(code) ? 'not by this attempt' : 'unknown'
}

const ofProblem = (call: string, response: AttemptResponse, problem: Problem, attempts: number): Failure => {
  const { status, headers } = response
  const retryable = retryableStatuses.has(status) || problem.code === 'idempotency_in_progress'
  const requestId = headers.get('x-request-id') ?? undefined
  return {
    error: (retryAfter) => responseError(call, { status, headers, problem }, { attempts, requestId, retryAfter }),
    status,
    retryable,
    applied: applied(response, problem),
    timedOut: false,
    requestedWaitMs: retryAfterMs(headers),
  }
}

/**
 * Returns the failure of a response that did not come from the service. Such a response says nothing about a write, because a proxy may
 * send it after the service applied the write. A write with a key is therefore retried whatever the status is, and a read only if
 * waiting may help.
 */
const ofForeign = ({ call, keyed }: Expected, { status, headers }: AttemptResponse, attempts: number): Failure => {
  const waitingHelps = (status >= 200 && status < 300) || status === 408 || status === 425 || status === 429 || status >= 500
  return {
    error: (retryAfter) => responseError(call, { status, headers, problem: undefined }, { attempts, retryAfter }),
    status,
    retryable: keyed || waitingHelps,
    applied: 'unknown',
    timedOut: false,
    requestedWaitMs: retryAfterMs(headers),
  }
}

/** Returns the innermost messages of an error. The cause of `fetch failed` has the reason, and an aggregate error has several. */
const reason = (error: unknown, depth = 0): string => {
  if (typeof error !== 'object' || error === null || depth > 5) return ''
  const { cause, errors, message } = error as { cause?: unknown; errors?: unknown; message?: unknown }
  const own = typeof message === 'string' ? message : ''
  if (Array.isArray(errors)) {
    const all = [...new Set(errors.map((each) => reason(each, depth + 1)))].filter((text) => text !== '')
    if (all.length > 0) return all.join(', ')
  }
  return reason(cause, depth + 1) || own
}

const ofBroken = (call: string, { sent, cause }: Extract<Outcome, { kind: 'broken' }>, attempts: number): Failure => {
  const why = reason(cause)
  const broken = `the connection broke before the whole response arrived${why === '' ? '' : ` (${why})`}`
  const message = `${call}: ${sent ? broken : why || 'the service is unreachable'}`
  return {
    error: () => new ConnectionError(message, { code: 'connection_failed', attempts, cause }),
    retryable: true,
    applied: sent ? 'unknown' : 'not by this attempt',
    timedOut: false,
  }
}

const ofImpossible = (call: string, cause: unknown): Failure => ({
  error: () => new InvalidArgumentError(`${call}: the request cannot be sent: ${reason(cause) || 'fetch rejects the request'}`, [], cause),
  retryable: false,
  applied: 'not by this attempt',
  timedOut: false,
})

const ofTimeout = (call: string, timeoutMs: number, attempts: number): Failure => ({
  error: () => new TimeoutError(`${call}: no response within ${Math.round(timeoutMs)} ms`, { code: 'timeout', attempts }),
  retryable: true,
  applied: 'unknown',
  timedOut: true,
})

/** Whether an attempt failed. Otherwise it has a result for the caller. */
export const isFailure = <Result extends object>(judged: Result | Failure): judged is Failure => 'error' in judged

/** Returns the response of an attempt if it is a success that the route declares, or its failure. */
export const judge = (expected: Expected, outcome: Outcome, attempts: number, timeoutMs: number): AttemptResponse | Failure => {
  const { call } = expected
  if (outcome.kind === 'timeout') return ofTimeout(call, timeoutMs, attempts)
  if (outcome.kind === 'broken') return ofBroken(call, outcome, attempts)
  if (outcome.kind === 'impossible') return ofImpossible(call, outcome.cause)
  const { response } = outcome
  if (expected.isSuccess(response)) return response
  const problem = readProblem(response.status, response.headers, response.body)
  return problem === undefined ? ofForeign(expected, response, attempts) : ofProblem(call, response, problem, attempts)
}
