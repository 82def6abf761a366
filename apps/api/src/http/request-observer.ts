import type { IncomingMessage } from 'node:http'
import type { RequestContext } from './request-context.js'

/** Receives notifications about requests. Its functions must not throw. */
export interface RequestObserver {
  /** Called when a request has arrived. */
  readonly arrived: () => void
  /** Wraps the processing of a request, for example in a span. */
  readonly around?: ((incoming: IncomingMessage, serve: () => Promise<void>) => Promise<void>) | undefined
  /** Called when the response is ready, before it is sent. */
  readonly responded: (method: string, status: number, durationMs: number, request: RequestContext) => void
}
