import type { IncomingMessage } from 'node:http'
import type { RequestContext } from './request-context.js'

/** Is notified of requests. Its functions must not throw. */
export interface RequestObserver {
  readonly arrived: () => void
  /** Runs everything that is done for a request, such as inside a span. */
  readonly around?: ((incoming: IncomingMessage, serve: () => Promise<void>) => Promise<void>) | undefined
  /** A request has its response, which is not sent yet. */
  readonly responded: (method: string, status: number, durationMs: number, request: RequestContext) => void
}
