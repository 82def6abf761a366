import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import type { Caller } from './caller.js'
import type { RequestContext } from './request-context.js'

/** A JSON body: its parsed value and its original text. */
export interface JsonBody {
  readonly value: unknown
  readonly text: string
}

/** The parts of a request after validation. A part that the contract does not have is undefined. */
export type ValidRequest = Record<'params' | 'query' | 'headers' | 'body', unknown>

/** The types of Hono's context. */
export interface HttpEnv {
  Bindings: HttpBindings
  Variables: {
    /** Set by `observeRequests` for every request. */
    request: RequestContext
    /** Set by `enterRoute` if callers need an API key. */
    caller: Caller | undefined
    /** Set by `jsonBody` if the request has a body. */
    body: JsonBody | undefined
    /** Set by `validateRequest`. */
    valid: ValidRequest
  }
}

export type HttpContext = Context<HttpEnv>

export type HttpMiddleware = MiddlewareHandler<HttpEnv>
