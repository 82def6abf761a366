import { randomUUID } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { deadlines } from '../../database/pool.js'
import { baseHeaders } from '../answer.js'
import type { HttpEnv } from '../context.js'

const acceptable = /^[A-Za-z0-9._-]{1,64}$/

/** Gives each request its id (the caller's `X-Request-Id` where it is harmless), its deadline and the headers of its answer. */
export const requestState = (stopping: () => boolean): MiddlewareHandler<HttpEnv> =>
  async function requestState(context, next) {
    const given = context.env.incoming.headers['x-request-id']
    const id = typeof given === 'string' && acceptable.test(given) ? given : randomUUID()
    const arrived = performance.now()
    const headers = baseHeaders(id)
    // While the service stops, callers should come back on a new connection, which finds another one.
    if (stopping()) headers.connection = 'close'
    context.set('state', { id, arrived, deadline: arrived + deadlines.request, headers })
    await next()
  }
