import { type Endpoint, endpoints } from '@holdfast/contracts/endpoints'
import { type AttemptRequest, type AttemptResponse, attempt } from './attempt.js'
import { checkOptions } from './check-options.js'
import { type HoldfastError, InvalidArgumentError, OutcomeUnknownError } from './errors.js'
import { type Expected, type Failure, isFailure, judge } from './failure.js'
import { idempotencyHeader, newIdempotencyKey } from './idempotency-key.js'
import { type ClientOptions, callLimits, type Limits, type RetryNotice, type WriteOptions, writeNames } from './options.js'
import { queryString, routePath } from './path.js'
import { type RetryBudget, retryBudget } from './retry-budget.js'
import { retryWaitMs } from './retry-wait.js'
import { isSuccess } from './success.js'
import type { Transport } from './transport.js'
import type { CallArguments, CallableId, CallResult } from './types.js'
import { wait } from './wait.js'
import { stringifyJson } from './write-json.js'

/**
 * Calls a route of the API by its operation id, with the names of the API, and retries it if that is safe.
 * @throws HoldfastError, or the reason of an aborted signal
 */
export type Call = <Id extends CallableId>(id: Id, args: CallArguments<Id>, options?: WriteOptions) => Promise<CallResult<Id>>

/** Calls a route for a method of the client. `what` is the method and its key for messages, such as `put "x"`. */
export type Send = <Id extends CallableId>(what: string, id: Id, args: CallArguments<Id>, options?: WriteOptions) => Promise<CallResult<Id>>

interface AnyArguments {
  readonly params?: Readonly<Record<string, unknown>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
}

interface Prepared {
  /** The method and its key. */
  readonly what: string
  readonly request: AttemptRequest
  readonly expected: Expected
  /** Undefined for reads, and for writes that have no idempotency record. */
  readonly key: string | undefined
  /** Whether the request takes effect at most once, however often it is sent. */
  readonly once: boolean
}

const prepare = (what: string, id: CallableId, args: AnyArguments, options: WriteOptions, transport: Transport): Prepared => {
  const endpoint: Endpoint = endpoints[id]
  const body = args.body === undefined ? undefined : stringifyJson(args.body, '')
  const headers: Record<string, string> = { accept: 'application/json' }
  for (const [name, value] of Object.entries(args.headers ?? {})) if (value !== undefined) headers[name] = value
  if (body !== undefined) headers['content-type'] = 'application/json'
  const key = endpoint.safe || endpoint.unrecorded ? undefined : (options.idempotencyKey ?? newIdempotencyKey())
  if (key !== undefined) headers['idempotency-key'] = idempotencyHeader(key)
  const path = routePath(endpoint, args.params, transport.namespace) + queryString(args.query)
  const call = `${what} at ${transport.url}`
  const expected: Expected = { call, keyed: key !== undefined, isSuccess: (response) => isSuccess(id, args, response) }
  return { what, key, once: !endpoint.unrecorded, expected, request: { method: endpoint.method, path, headers, body } }
}

/** Runs a check of arguments and adds the call to the messages of its errors. */
export const checked = <T>(what: string, check: () => T): T => {
  try {
    return check()
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new InvalidArgumentError(`${what}: ${error.message}`, error.faults, error.cause)
    throw error instanceof TypeError ? new InvalidArgumentError(`${what}: ${error.message}`, [], error) : error
  }
}

/** Returns whole seconds, rounded up. */
export const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : Math.ceil(ms / 1000))

/** No attempt starts with less time than this, in milliseconds. A timer that fires early can leave so little. */
const attemptMsMin = 10

/** Returns the milliseconds until the next attempt, or the `retryAfter` of the final error if there is no further attempt. */
const nextAttempt = (failure: Failure, attempts: number, limits: Limits, deadline: number, budget: RetryBudget) => {
  const requested = seconds(failure.requestedWaitMs)
  if (!failure.retryable || attempts > limits.retries) return { retryAfter: requested }
  const waitMs = retryWaitMs(attempts, failure.status, failure.requestedWaitMs, Math.random)
  if (waitMs > limits.maxDelay || performance.now() + waitMs + attemptMsMin >= deadline) return { retryAfter: requested ?? seconds(waitMs) }
  return budget.take(failure.timedOut) ? { waitMs } : { retryAfter: requested }
}

/**
 * Returns the error of a failed call. If an attempt of a write may have been applied, only a success or a replayed response tells its
 * outcome. Any other error may be a result of that attempt, such as a version that it changed itself.
 */
const finalError = ({ key, once }: Prepared, failure: Failure, retryAfter: number | undefined, uncertain: boolean): HoldfastError => {
  const error = failure.error(retryAfter)
  if (!uncertain || (key === undefined && once)) return error
  const { status, requestId, attempts } = error
  const message = `${error.message}; it is unknown whether the write was applied`
  return new OutcomeUnknownError(message, { status, requestId, attempts, cause: error }, key)
}

/** Calls `onRetry`, whose errors must not affect the call. */
export const notify = ({ onRetry }: ClientOptions, notice: RetryNotice): void => {
  try {
    Promise.resolve(onRetry?.(notice)).catch(() => {})
  } catch {
    // Discarded, as documented at `onRetry`.
  }
}

/** Creates the function that sends requests and retries them. */
export const createSend = (transport: Transport, client: ClientOptions): Send => {
  const budget = retryBudget(transport.origin)

  const perform = async (prepared: Prepared, limits: Limits, options: WriteOptions): Promise<AttemptResponse> => {
    const { request, expected } = prepared
    const signals = [options.signal, client.signal]
    const deadline = performance.now() + limits.totalTimeout
    let uncertain = false
    for (let attempts = 1; ; attempts++) {
      for (const signal of signals) signal?.throwIfAborted()
      const timeoutMs = Math.min(limits.timeout, Math.max(1, deadline - performance.now()))
      const judged = judge(expected, await attempt(transport, request, timeoutMs, signals), attempts, timeoutMs)
      // A rejection that is not retryable shows that the service works.
      if (!isFailure(judged) || !judged.retryable) budget.giveBack()
      if (!isFailure(judged)) return judged

      uncertain = judged.applied === 'unknown' || (uncertain && judged.applied !== 'by no attempt')
      const mayRetry = prepared.once || !uncertain
      const { waitMs, retryAfter } = nextAttempt({ ...judged, retryable: judged.retryable && mayRetry }, attempts, limits, deadline, budget)
      if (waitMs === undefined) throw finalError(prepared, judged, retryAfter, uncertain)
      notify(client, { operation: prepared.what, attempt: attempts, wait: waitMs, error: judged.error(seconds(judged.requestedWaitMs)) })
      await wait(waitMs, signals)
    }
  }

  return async (what, id, args, options = {}) => {
    const limits = checked(what, () => callLimits(options, client))
    const prepared = checked(what, () => prepare(what, id, args as unknown as AnyArguments, options, transport))
    return (await perform(prepared, limits, options)) as CallResult<typeof id>
  }
}

/** Creates `client.call`. */
export const createCall =
  (send: Send): Call =>
  async (id, args, options = {}) => {
    if (!Object.hasOwn(endpoints, id)) throw new InvalidArgumentError(`call: ${String(id)} is not an operation id of the API`)
    checkOptions(`call ${id}`, options, writeNames)
    return send(`call ${id}`, id, args, options)
  }
