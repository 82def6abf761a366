import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import type { Caller } from './caller.js'
import type { JsonBody } from './json-body.js'
import type { RequestContext } from './request-context.js'
import type { ValidRequest } from './validate.js'

/** The types of Hono's context. Each variable is set by the middleware named beside it. */
export interface HttpEnv {
  Bindings: HttpBindings
  Variables: {
    /** `requestContext`, for every request. */
    request: RequestContext
    /** `enterRoute`, if callers need an API key. */
    caller: Caller | undefined
    /** `jsonBody`, if the request has a body. */
    body: JsonBody | undefined
    /** `validateRequest`. */
    valid: ValidRequest
  }
}

export type HttpContext = Context<HttpEnv>

export type HttpMiddleware = MiddlewareHandler<HttpEnv>
