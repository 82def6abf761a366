import type { RouteId } from '@holdfast/contracts'

/** The state of a request on any route. */
export interface RequestContext {
  readonly id: string
  /** When the request arrived, and when the response is due, in `performance.now()` time. */
  readonly arrived: number
  readonly deadline: number
  /**
   * The headers of the response. A plain object, because a `Headers` object in Hono's context costs a sixth of the CPU time of reading an
   * item.
   */
  readonly headers: Record<string, string>
  /** The route that serves the request. */
  route?: RouteId
  /** The address of the client. */
  client?: string
}
