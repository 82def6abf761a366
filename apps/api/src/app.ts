import type { LogFormat, Logger } from '@holdfast/service'
import { Hono } from 'hono'
import type { ByteBudget } from './byte-budget.js'
import type { Admissions } from './http/admission.js'
import { admitEverybody, admitWithKeys } from './http/authenticate.js'
import type { HttpEnv } from './http/context.js'
import { createCors } from './http/cors.js'
import { apiKeyHandlers } from './http/handlers/api-keys.js'
import { batchHandlers } from './http/handlers/batches.js'
import { docsHandlers } from './http/handlers/docs.js'
import { healthHandlers, type ServiceState } from './http/handlers/health.js'
import { itemHandlers } from './http/handlers/items.js'
import { landingHandlers } from './http/handlers/landing.js'
import { legacyHandlers } from './http/handlers/legacy.js'
import { metricsHandlers } from './http/handlers/metrics.js'
import { namespaceHandlers } from './http/handlers/namespaces.js'
import { problemHandlers } from './http/handlers/problems.js'
import { transactionHandlers } from './http/handlers/transactions.js'
import { mountRoutes } from './http/mount.js'
import { createRateLimit, type LimitObserver, type RateLimitOptions } from './http/rate-limit.js'
import { routingPath } from './http/request-target.js'
import { createServeRequest, type RequestObserver } from './http/serve-request.js'
import { servedRoutes } from './http/served-routes.js'
import { slashHint } from './http/slash-hint.js'
import type { TrustedHosts } from './http/trusted-hosts.js'
import { Refusal } from './refusal.js'
import type { ApiKeyStore } from './store/api-keys.js'
import type { ItemStore } from './store/items.js'
import type { NamespaceStore } from './store/namespaces.js'

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

  const served = servedRoutes({ ROOT_KEYS: rootKeys, AUTH: authRequired, METRICS_PORT: options.metricsMoved })
  const cors = authRequired
    ? createCors(
        options.corsOrigins,
        served.map(({ route }) => route),
      )
    : undefined
  const serveRequest = createServeRequest(service.stopping, { trustedHosts: options.trustedHosts, cors }, options, observe.requests)
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
  const admit = authRequired ? admitWithKeys(apiKeys, options.adminKey, limit) : admitEverybody(limit)
  mountRoutes(app, { served, handlers, serveRequest, admit, valueBytesMax, budget, admissions })
  app.notFound(
    serveRequest(async ({ env: { incoming } }) => {
      throw new Refusal('route_not_found', `No route has this path.${slashHint(incoming) ?? ' All routes are listed at /docs.'}`)
    }),
  )
  return app
}
