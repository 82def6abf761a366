import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { deadlines } from '../postgres/deadlines.js'
import { baseHeaders } from './base-headers.js'
import type { HttpMiddleware } from './hono-env.js'
import type { RequestContext } from './request-context.js'
import type { RequestLog } from './request-log.js'
import type { RequestObserver } from './request-observer.js'

const safeId = /^[A-Za-z0-9._-]{1,64}$/

/** Creates the context of a request. Its id is the client's `X-Request-Id` if that is safe to log. */
export const openRequest = ({ headers }: IncomingMessage): RequestContext => {
  const given = headers['x-request-id']
  const id = typeof given === 'string' && safeId.test(given) ? given : randomUUID()
  const arrived = performance.now()
  return { id, arrived, deadline: arrived + deadlines.request, headers: baseHeaders(id) }
}

/** Creates the outermost middleware. It creates the context of each request, and notifies the log and the observer. */
export const observeRequests = (
  isStopping: () => boolean,
  log: RequestLog,
  { arrived, around, responded }: RequestObserver,
): HttpMiddleware => {
  const serve: HttpMiddleware = async (c, next) => {
    const { incoming } = c.env
    const request = openRequest(incoming)
    c.set('request', request)
    arrived()
    await next()
    // Clients reconnect to another process, even if their request arrived before the stop began.
    if (isStopping()) c.res.headers.set('connection', 'close')
    const durationMs = performance.now() - request.arrived
    log(incoming, c.res.status, durationMs, request)
    responded(incoming.method ?? '', c.res.status, durationMs, request)
  }
  if (around === undefined) return serve
  return (c, next) => around(c.env.incoming, async () => void (await serve(c, next)))
}
