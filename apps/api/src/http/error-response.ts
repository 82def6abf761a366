import type { Socket } from 'node:net'
import type { Logger } from '@holdfast/server-kit'
import { QueueFull } from '../postgres/errors.js'
import { ApiError } from './api-error.js'
import type { HttpContext } from './hono-env.js'
import { createRejectionThrottle } from './overload/rejection-throttle.js'
import { type ProblemResponse, toProblem } from './problem.js'
import { respond } from './respond.js'

/** Turns every error into a problem (RFC 9457). */
export type ErrorToProblem = (error: unknown, requestId: string, socket: Socket) => ProblemResponse

/** Creates the function that turns errors into problems. It logs those that are not an {@link ApiError}. */
export const createErrorToProblem = (logger: Logger): ErrorToProblem => {
  const throttle = createRejectionThrottle()
  return (error, requestId, socket) => {
    if (!(error instanceof ApiError)) logger.error({ err: error, request_id: requestId }, 'a request failed')
    if (error instanceof QueueFull) throttle(socket)
    return toProblem(error, requestId)
  }
}

/** Creates Hono's `onError`. */
export const errorResponse =
  (errorToProblem: ErrorToProblem) =>
  (error: Error, c: HttpContext): Response => {
    const { status, body, headers } = errorToProblem(error, c.get('request').id, c.env.incoming.socket)
    return respond(c, status, body, headers)
  }
