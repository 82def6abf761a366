import { defaultNamespace, type Endpoint, endpoints, namespacedPath } from '@holdfast/contracts/endpoints'
import { type AttemptAnswer, type AttemptRequest, attempt } from './attempt.js'
import { type HoldfastError, OutcomeUnknownError } from './errors.js'
import { type Failure, isFailure, judge } from './failure.js'
import { idempotencyHeader, newIdempotencyKey } from './idempotency-key.js'
import { stringifyJson } from './json.js'
import { type ClientOptions, callLimits, type Limits, type WriteOptions } from './options.js'
import { fillPath, queryString } from './path.js'
import { type RetryBudget, retryBudget } from './retry-budget.js'
import { retryWaitMs } from './retry-wait.js'
import { createTransport, type Transport } from './transport.js'
import type { CallArguments, CallableId, CallResult } from './types.js'
import { wait } from './wait.js'

/**
 * Calls a route of the API and repeats it where that is safe.
 * @throws HoldfastError, or the reason of an aborted signal
 */
export type Call = <Id extends CallableId>(id: Id, args: CallArguments<Id>, options?: WriteOptions) => Promise<CallResult<Id>>

interface AnyArguments {
  readonly params?: Readonly<Record<string, unknown>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
}

interface Prepared {
  readonly operation: CallableId
  readonly request: AttemptRequest
  /** Left out of reads, and of writes that have no record. */
  readonly key: string | undefined
  /** Whether a repeat can be applied again. */
  readonly once: boolean
}

/** The path of a route, in the client's namespace where it has one. */
const pathOf = ({ path, namespaced }: Endpoint, { params }: AnyArguments, { namespace }: Transport): string =>
  namespaced && namespace !== defaultNamespace ? fillPath(namespacedPath(path), { ...params, namespace }) : fillPath(path, params)

const prepare = (id: CallableId, args: AnyArguments, options: WriteOptions, transport: Transport): Prepared => {
  const endpoint: Endpoint = endpoints[id]
  const body = args.body === undefined ? undefined : stringifyJson(args.body)
  const headers: Record<string, string> = { accept: 'application/json' }
  for (const [name, value] of Object.entries(args.headers ?? {})) if (value !== undefined) headers[name] = value
  if (body !== undefined) headers['content-type'] = 'application/json'
  const key = endpoint.safe || endpoint.unrecorded ? undefined : (options.idempotencyKey ?? newIdempotencyKey())
  if (key !== undefined) headers['idempotency-key'] = idempotencyHeader(key)
  const path = pathOf(endpoint, args, transport) + queryString(args.query)
  return { operation: id, key, once: !endpoint.unrecorded, request: { method: endpoint.method, path, headers, body } }
}

const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : Math.ceil(ms / 1000))

/** Milliseconds: an attempt with less left has no chance. A timer that fires a little early would leave that. */
const attemptMsMin = 10

/** Milliseconds until the next attempt; where there should be none, `retryAfter` for the error that the call ends with. */
const nextAttempt = (failure: Failure, attempts: number, limits: Limits, deadline: number, budget: RetryBudget) => {
  const asked = seconds(failure.askedMs)
  if (!failure.retryable || attempts > limits.retries) return { retryAfter: asked }
  const waitMs = retryWaitMs(attempts, failure.status, failure.askedMs, Math.random)
  if (waitMs > limits.waitMax || performance.now() + waitMs + attemptMsMin >= deadline) return { retryAfter: asked ?? seconds(waitMs) }
  return budget.take(failure.timedOut) ? { waitMs } : { retryAfter: asked }
}

/**
 * The error that a call ends with. Once an attempt of a write may have been applied only a success, or a replayed answer,
 * can tell: any other refusal may come from that attempt's own effect, such as a version that it changed itself.
 */
const finalError = (
  { operation, key, once }: Prepared,
  failure: Failure,
  retryAfter: number | undefined,
  uncertain: boolean,
): HoldfastError => {
  const error = failure.error(retryAfter)
  if (!uncertain || (key === undefined && once)) return error
  const { status, requestId, attempts } = error
  const message = `${operation}: it is not known whether the write was applied (${error.message})`
  return new OutcomeUnknownError(message, { status, requestId, attempts, cause: error }, key)
}

/** The engine of a client. */
export const createCall = (client: ClientOptions): Call => {
  const transport = createTransport(client)
  const { ky, origin } = transport
  const budget = retryBudget(origin)

  const perform = async (prepared: Prepared, options: WriteOptions): Promise<AttemptAnswer> => {
    const { operation, request } = prepared
    const limits = callLimits(options, client)
    const signals = [options.signal, client.signal]
    const deadline = performance.now() + limits.totalTimeout
    let uncertain = false
    for (let attempts = 1; ; attempts++) {
      for (const signal of signals) signal?.throwIfAborted()
      const timeoutMs = Math.min(limits.timeout, Math.max(1, deadline - performance.now()))
      const judged = judge(operation, request.method, await attempt(ky, request, timeoutMs, signals), attempts, timeoutMs)
      // A service that refuses in order is well: only what would be repeated speaks against it.
      if (!isFailure(judged) || !judged.retryable) budget.giveBack()
      if (!isFailure(judged)) return judged

      uncertain = judged.applied === 'unknown' || (uncertain && judged.applied !== 'by no attempt')
      const mayRepeat = prepared.once || !uncertain
      const { waitMs, retryAfter } = nextAttempt(
        { ...judged, retryable: judged.retryable && mayRepeat },
        attempts,
        limits,
        deadline,
        budget,
      )
      if (waitMs === undefined) throw finalError(prepared, judged, retryAfter, uncertain)
      client.onRetry?.({ operation, attempt: attempts, wait: waitMs, error: judged.error(seconds(judged.askedMs)) })
      await wait(waitMs, signals)
    }
  }

  return async (id, args, options = {}) => {
    const answer = await perform(prepare(id, args as unknown as AnyArguments, options, transport), options)
    return answer as CallResult<typeof id>
  }
}
