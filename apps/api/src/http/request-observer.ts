import type { IncomingMessage } from 'node:http'
import type { HttpMiddleware } from './hono-env.js'
import type { RequestContext } from './request-context.js'

/** Is notified of requests. Its functions must not throw. */
export interface RequestObserver {
  readonly arrived: () => void
  /** Runs everything that is done for a request, such as inside a span. */
  readonly around?: ((incoming: IncomingMessage, serve: () => Promise<void>) => Promise<void>) | undefined
  /** A request has its response, which is not sent yet. */
  readonly responded: (method: string, response: Response, durationMs: number, request: RequestContext) => void
}

/** Notifies the observer of every request. */
export const observeRequests = ({ arrived, around, responded }: RequestObserver): HttpMiddleware => {
  const observe: HttpMiddleware = async (c, next) => {
    arrived()
    await next()
    const request = c.get('request')
    responded(c.env.incoming.method ?? '', c.res, performance.now() - request.arrived, request)
  }
  if (around === undefined) return observe
  return (c, next) => around(c.env.incoming, async () => void (await observe(c, next)))
}
