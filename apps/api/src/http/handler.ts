import type { EventStream, RouteContract, RouteId, RouteInput, RouteResponse, Routes } from '@holdfast/contracts'
import type { OperationContext } from './operation-context.js'

/**
 * Turns a validated request into one of the responses that its route declares.
 * @throws ApiError for every other response
 */
export type Handler<R extends RouteContract> = (context: OperationContext, input: RouteInput<R>) => Promise<RouteResponse<R>>

/** The routes that need a handler. HEAD is served by the handler of GET without its body (RFC 9110 section 9.3.2). */
export type HandledRoute = { [Id in RouteId]: Routes[Id]['method'] extends 'head' ? never : Id }[RouteId]

/** A handler for every route. A missing one does not compile. */
export type Handlers = { readonly [Id in HandledRoute]: Handler<Routes[Id]> }

/** The response of a handler. */
export interface HandlerResponse {
  readonly status: number
  readonly body?: unknown
  readonly contentType?: string
  /** Sends server-sent events instead of a body. */
  readonly stream?: EventStream
  readonly headers?: Readonly<Record<string, unknown>> | undefined
}
