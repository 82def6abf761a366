import type { Logger } from '@holdfast/server-kit'
import { QueueFull } from '../postgres/errors.js'
import { ApiError } from './api-error.js'
import type { HttpContext } from './hono-env.js'
import { createRejectionThrottle } from './overload/rejection-throttle.js'
import { toProblem } from './problem.js'
import { respond } from './respond.js'

/** Creates Hono's `onError` handler. It responds with a problem (RFC 9457), and logs errors that are not an {@link ApiError}. */
export const errorResponse = (logger: Logger) => {
  const throttle = createRejectionThrottle()
  return (error: Error, c: HttpContext): Response => {
    const { id } = c.get('request')
    if (!(error instanceof ApiError)) logger.error({ err: error, request_id: id }, 'a request failed')
    if (error instanceof QueueFull) throttle(c.env.incoming.socket)
    const { status, body, headers } = toProblem(error, id)
    return respond(c, status, body, headers)
  }
}
