import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { RouteId } from '@holdfast/contracts'
import { deadlines } from '../postgres/deadlines.js'
import { baseHeaders } from './base-headers.js'
import type { HttpMiddleware } from './hono-env.js'

/** What is known about a request, whatever its route. */
export interface RequestContext {
  readonly id: string
  /** When it arrived and when it must have its response, as `performance.now()` counts. */
  readonly arrived: number
  readonly deadline: number
  /** The route that serves the request. */
  route?: RouteId
  /** The address of the client. */
  client?: string
}

const safeId = /^[A-Za-z0-9._-]{1,64}$/

/** Uses the client's `X-Request-Id` as the id if it is safe to log. */
const openRequest = ({ headers }: IncomingMessage): RequestContext => {
  const given = headers['x-request-id']
  const id = typeof given === 'string' && safeId.test(given) ? given : randomUUID()
  const arrived = performance.now()
  return { id, arrived, deadline: arrived + deadlines.request }
}

/**
 * Gives each request its id, its deadline and the headers that every response has. While the service stops, responses also close their
 * connection, so that clients reconnect to another process.
 */
export const requestContext =
  (isStopping: () => boolean): HttpMiddleware =>
  async (c, next) => {
    const request = openRequest(c.env.incoming)
    c.set('request', request)
    const headers = baseHeaders(request.id)
    for (const name in headers) c.header(name, headers[name])
    await next()
    if (isStopping()) c.res.headers.set('connection', 'close')
  }
