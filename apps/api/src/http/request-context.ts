import type { RouteId } from '@holdfast/contracts'

/** What is known about a request, whatever its route. */
export interface RequestContext {
  readonly id: string
  /** When it arrived and when it must have its response, as `performance.now()` counts. */
  readonly arrived: number
  readonly deadline: number
  /**
   * Headers of the response, whatever it will be. A plain object, because a `Headers` object in Hono's context costs a read of an item a sixth
   * of its CPU time.
   */
  readonly headers: Record<string, string>
  /** The route that serves the request. */
  route?: RouteId
  /** The address of the client. */
  client?: string
}
