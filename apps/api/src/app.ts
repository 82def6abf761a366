import type { Logger } from '@holdfast/service'
import { Hono } from 'hono'
import { answer } from './http/answer.js'
import type { HttpEnv } from './http/context.js'
import { docsHandlers } from './http/handlers/docs.js'
import { healthHandlers, type ServiceState } from './http/handlers/health.js'
import { itemHandlers } from './http/handlers/items.js'
import { legacyHandlers } from './http/handlers/legacy.js'
import { problemHandlers } from './http/handlers/problems.js'
import { type RateLimitOptions, rateLimit } from './http/middleware/rate-limit.js'
import { requestLog } from './http/middleware/request-log.js'
import { requestState } from './http/middleware/request-state.js'
import { wellFormed } from './http/middleware/well-formed.js'
import { mountRoutes } from './http/mount.js'
import { toProblem } from './http/problem.js'
import { routingPath } from './http/request-target.js'
import { servedRoutes } from './http/served-routes.js'
import { Refusal } from './refusal.js'
import type { ItemStore } from './store/items.js'

export interface AppOptions {
  readonly store: ItemStore
  readonly service: ServiceState
  readonly rateLimit: RateLimitOptions
  readonly valueBytesMax: number
  /** Whether keys are served at the root too. */
  readonly rootKeys: boolean
  readonly logger: Logger
}

/** The order of the middleware and what is mounted behind it. Does no I/O of its own. */
export const createApp = ({ store, service, valueBytesMax, rootKeys, logger, ...options }: AppOptions): Hono<HttpEnv> => {
  // Paths stay encoded until a parameter is decoded, once: decoding before would let %252F and %2F be the same key.
  const app = new Hono<HttpEnv>({ getPath: (_request, context) => (context?.env === undefined ? '/' : routingPath(context.env.incoming)) })

  app.use(requestState(service.stopping))
  app.use(requestLog(logger))
  app.use(wellFormed())

  const served = servedRoutes({ ROOT_KEYS: rootKeys })
  const items = itemHandlers(store)
  const handlers = {
    ...items,
    ...legacyHandlers(items, store),
    ...healthHandlers(service),
    ...docsHandlers(service.version, served),
    ...problemHandlers(),
  }
  mountRoutes(app, { served, handlers, limit: rateLimit(options.rateLimit), valueBytesMax })

  app.notFound(() => {
    throw new Refusal('route_not_found', 'no route has this path')
  })
  app.onError((error, context) => {
    const { id } = context.var.state
    const problem = toProblem(error, id)
    if (!(error instanceof Refusal)) logger.error({ err: error, request_id: id }, 'a request failed')
    return answer(context, problem.status, problem.body, problem.headers)
  })
  return app
}
