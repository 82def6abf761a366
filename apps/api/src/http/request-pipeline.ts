import type { IncomingMessage } from 'node:http'
import type { LogFormat, Logger } from '@holdfast/server-kit'
import { QueueFull } from '../postgres/errors.js'
import { ApiError } from './api-error.js'
import { type Cors, isPreflight } from './cors.js'
import type { HttpContext } from './hono-env.js'
import { createRejectionThrottle } from './overload/rejection-throttle.js'
import { toProblem } from './problem.js'
import { openRequest, type RequestState } from './request-context.js'
import { checkRequestHead } from './request-head.js'
import { createRequestLog } from './request-log.js'
import { answer } from './respond.js'
import { checkSameOrigin } from './same-origin.js'
import type { TrustedHosts } from './trusted-hosts.js'

/** Answers a well-formed request; refuses by throwing. */
export type Respond = (context: HttpContext, state: RequestState) => Promise<Response>

/** Is told of requests. Nothing here may throw. */
export interface RequestObserver {
  readonly arrived: () => void
  /** Surrounds all that is done for a request. */
  readonly around?: (<T>(incoming: IncomingMessage, serve: () => Promise<T>) => Promise<T>) | undefined
  /** A request has its answer, which is not sent yet. */
  readonly responded: (method: string, status: number, durationMs: number, state: RequestState) => void
}

/** Which requests of browsers are accepted. */
export interface BrowserAccess {
  /** Names that requests may have in `Host`; undefined if every name and every `Origin` is accepted. */
  readonly trustedHosts: TrustedHosts | undefined
  /** Pages of other origins that may call; undefined if callers need no API key. */
  readonly cors: Cors | undefined
}

/**
 * The straight line of every request: it gets its state, is checked, answered, and logged; what is thrown on the way becomes
 * a problem. Plain calls, because a chain of middleware takes a good part of the throughput of reads.
 */
export const createRequestPipeline = (
  stopping: () => boolean,
  { trustedHosts, cors }: BrowserAccess,
  { logger, logFormat }: { readonly logger: Logger; readonly logFormat: LogFormat },
  observe: RequestObserver,
) => {
  const log = createRequestLog(logger, logFormat)
  const hold = createRejectionThrottle()
  const { around } = observe
  return (respond: Respond) => {
    const serve = async (context: HttpContext): Promise<Response> => {
      const { incoming } = context.env
      const state = openRequest(incoming, stopping)
      observe.arrived()
      cors?.allow(incoming.headers, state.headers)
      let response: Response
      try {
        checkRequestHead(incoming)
        if (trustedHosts !== undefined) checkSameOrigin(incoming, trustedHosts)
        // Before authentication and limits: a browser sends no credentials with it, and then the request itself.
        if (cors !== undefined && isPreflight(incoming)) response = answer(state, 204, null, cors.preflight(incoming.headers))
        else response = await respond(context, state)
      } catch (error) {
        if (!(error instanceof ApiError)) logger.error({ err: error, request_id: state.id }, 'a request failed')
        const problem = toProblem(error, state.id)
        response = answer(state, problem.status, problem.body, problem.headers)
        if (error instanceof QueueFull) hold(incoming.socket)
      }
      const method = incoming.method ?? ''
      const durationMs = performance.now() - state.arrived
      log(incoming, response.status, durationMs, state)
      observe.responded(method, response.status, durationMs, state)
      return response
    }
    return around === undefined ? serve : (context: HttpContext) => around(context.env.incoming, () => serve(context))
  }
}

export type RequestPipeline = ReturnType<typeof createRequestPipeline>
