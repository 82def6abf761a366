import type { RouteId } from '@holdfast/contracts'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** What travels with a request from middleware to handler. */
interface RequestState {
  readonly id: string
  /** When it arrived and when it must be answered, as `performance.now()` counts. */
  readonly arrived: number
  readonly deadline: number
  /** Headers of the answer, whatever it will be. A plain object, which node-server answers fastest. */
  readonly headers: Record<string, string>
  /** The route that took the request; for the log. */
  route?: RouteId
  /** The contract path and the caller's address; for the log. */
  client?: string
}

export interface HttpEnv {
  Bindings: HttpBindings
  Variables: { state: RequestState }
}

export type HttpContext = Context<HttpEnv>
