import { type RouteContract, routes } from '@holdfast/contracts'
import { Hono } from 'hono'
import { answer } from './http/answer.js'
import type { HttpEnv } from './http/context.js'
import { docsHandlers } from './http/handlers/docs.js'
import { healthHandlers, type ServiceState } from './http/handlers/health.js'
import { itemHandlers } from './http/handlers/items.js'
import { problemHandlers } from './http/handlers/problems.js'
import { type RateLimitOptions, rateLimit } from './http/middleware/rate-limit.js'
import { requestLog } from './http/middleware/request-log.js'
import { requestState } from './http/middleware/request-state.js'
import { wellFormed } from './http/middleware/well-formed.js'
import { honoPath, mountRoutes } from './http/mount.js'
import { toProblem } from './http/problem.js'
import { routingPath } from './http/request-target.js'
import { refuseUnmatched } from './http/unmatched.js'
import type { Logger } from './observability/logger.js'
import { Refusal } from './refusal.js'
import type { ItemStore } from './store/items.js'

export interface AppOptions {
  readonly store: ItemStore
  readonly service: ServiceState
  readonly rateLimit: RateLimitOptions
  readonly valueBytesMax: number
  readonly logger: Logger
}

/** The order of the middleware and what is mounted behind it. Does no I/O of its own. */
export const createApp = ({ store, service, valueBytesMax, logger, ...options }: AppOptions): Hono<HttpEnv> => {
  // Paths stay encoded until a parameter is decoded, once: decoding before would let %252F and %2F be the same key.
  const app = new Hono<HttpEnv>({ getPath: (_request, context) => (context?.env === undefined ? '/' : routingPath(context.env.incoming)) })

  app.use(requestState(service.stopping))
  app.use(requestLog(logger))
  app.use(wellFormed())
  const limit = rateLimit(options.rateLimit)
  const limitedPaths = new Set((Object.values(routes) as RouteContract[]).filter((route) => route.limited).map((route) => route.path))
  for (const path of limitedPaths) app.use(honoPath(path), limit)

  mountRoutes(
    app,
    { ...itemHandlers(store), ...healthHandlers(service), ...docsHandlers(service.version), ...problemHandlers() },
    valueBytesMax,
  )

  app.notFound((context) => {
    throw refuseUnmatched(routingPath(context.env.incoming), context.req.method)
  })
  app.onError((error, context) => {
    const { id } = context.var.state
    const problem = toProblem(error, id)
    if (!(error instanceof Refusal)) logger.error({ err: error, request_id: id }, 'a request failed')
    return answer(context, problem.status, problem.body, problem.headers)
  })
  return app
}
