import type { LogFormat, Logger } from '@holdfast/server-kit'
import { Hono } from 'hono'
import type { ApiKeyStore } from './api-keys/api-key-store.js'
import { allowAnonymous, authenticateWithKeys } from './api-keys/authenticate.js'
import { apiKeyHandlers } from './api-keys/routes.js'
import { ApiError } from './http/api-error.js'
import { createCors } from './http/cors.js'
import { enabledRoutes } from './http/enabled-routes.js'
import type { HttpEnv } from './http/hono-env.js'
import { mountRoutes } from './http/mount.js'
import type { Admissions } from './http/overload/admission.js'
import type { ByteBudget } from './http/overload/byte-budget.js'
import { createRequestPipeline, type RequestObserver } from './http/request-pipeline.js'
import { routingPath } from './http/request-target.js'
import { slashHint } from './http/slash-hint.js'
import type { TrustedHosts } from './http/trusted-hosts.js'
import { batchHandlers } from './items/batch-routes.js'
import type { ItemStore } from './items/item-store.js'
import { legacyHandlers } from './items/legacy-routes.js'
import { itemHandlers } from './items/routes.js'
import { metricsHandlers } from './metrics/routes.js'
import type { NamespaceStore } from './namespaces/namespace-store.js'
import { namespaceHandlers } from './namespaces/routes.js'
import { createRateLimit, type LimitObserver, type RateLimitOptions } from './rate-limit/rate-limit.js'
import { docsHandlers } from './system/docs.js'
import { healthHandlers, type ServiceState } from './system/health.js'
import { landingHandlers } from './system/landing.js'
import { problemHandlers } from './system/problems.js'
import { transactionHandlers } from './transactions/routes.js'

export interface AppOptions {
  readonly store: ItemStore
  readonly namespaces: NamespaceStore
  readonly apiKeys: ApiKeyStore
  /** Whether callers must have an API key. */
  readonly authRequired: boolean
  /** A key that may do everything. */
  readonly adminKey: string | undefined
  /** Names that requests may have in `Host`; undefined if every name and every `Origin` is accepted. */
  readonly trustedHosts: TrustedHosts | undefined
  /** Origins whose pages may call a service with API keys. */
  readonly corsOrigins: ReadonlySet<string>
  readonly service: ServiceState
  readonly rateLimit: RateLimitOptions
  readonly valueBytesMax: number
  /** Bounds the bytes of the requests that are served at once. */
  readonly budget: ByteBudget
  /** Counts the requests that wait for short statements. */
  readonly admissions: Admissions
  /** Whether keys are served at the root too. */
  readonly rootKeys: boolean
  /** Answers the metrics. */
  readonly metricsText: () => Promise<string>
  /** Whether the metrics have a port of their own, and are not served here. */
  readonly metricsMoved: boolean
  readonly observe: { readonly requests: RequestObserver; readonly limit: LimitObserver }
  readonly logger: Logger
  readonly logFormat: LogFormat
}

/** The service as an app of Hono's: all that it serves, behind one straight line. Does no I/O of its own. */
export const createApp = (options: AppOptions): Hono<HttpEnv> => {
  const { store, service, valueBytesMax, budget, admissions, rootKeys, observe, apiKeys, authRequired } = options
  // Paths stay encoded until a parameter is decoded, once: decoding before would let %252F and %2F be the same key.
  const app = new Hono<HttpEnv>({ getPath: (_request, context) => (context?.env === undefined ? '/' : routingPath(context.env.incoming)) })

  const served = enabledRoutes({ ROOT_KEYS: rootKeys, AUTH: authRequired, METRICS_PORT: options.metricsMoved })
  const cors = authRequired
    ? createCors(
        options.corsOrigins,
        served.map(({ route }) => route),
      )
    : undefined
  const requestPipeline = createRequestPipeline(service.stopping, { trustedHosts: options.trustedHosts, cors }, options, observe.requests)
  const items = itemHandlers(store)
  const handlers = {
    ...items,
    ...batchHandlers(store),
    ...transactionHandlers(store),
    ...namespaceHandlers(options.namespaces),
    ...apiKeyHandlers(apiKeys),
    ...legacyHandlers(items, store),
    ...healthHandlers(service),
    ...metricsHandlers(options.metricsText),
    ...landingHandlers(service.version),
    ...docsHandlers(service.version, served),
    ...problemHandlers(),
  }
  const limit = createRateLimit(options.rateLimit, observe.limit)
  const authenticate = authRequired ? authenticateWithKeys(apiKeys, options.adminKey, limit) : allowAnonymous(limit)
  mountRoutes(app, { served, handlers, requestPipeline, authenticate, valueBytesMax, budget, admissions })
  app.notFound(
    requestPipeline(async ({ env: { incoming } }) => {
      throw new ApiError('route_not_found', `No route has this path.${slashHint(incoming) ?? ' All routes are listed at /docs.'}`)
    }),
  )
  return app
}
