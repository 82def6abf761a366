import { type LogFormat, type Logger, openapiDocument } from '@holdfast/server-kit'
import type { HttpBindings } from '@hono/node-server'
import { OpenAPIHono } from '@hono/zod-openapi'
import type { ApiKeyStore } from './api-keys/api-key-store.js'
import { allowAnonymous, authenticateWithKeys, createKeyCheck } from './api-keys/authenticate.js'
import { apiKeyHandlers } from './api-keys/routes.js'
import type { ChangeStreams } from './changes/change-streams.js'
import { changeHandlers } from './changes/routes.js'
import { createExpressLane } from './express-lane.js'
import type { ItemVersions } from './history/item-versions.js'
import type { RestoreItem } from './history/restore-item.js'
import { historyHandlers } from './history/routes.js'
import { acceptRequests } from './http/accept-requests.js'
import { ApiError } from './http/api-error.js'
import { createCors } from './http/cors.js'
import { enabledRoutes } from './http/enabled-routes.js'
import { createErrorToProblem, errorResponse } from './http/error-response.js'
import type { Handlers } from './http/handler.js'
import type { HttpEnv } from './http/hono-env.js'
import type { ServeExpress } from './http/http-server.js'
import { observeRequests } from './http/observe-requests.js'
import type { Admissions } from './http/overload/admission.js'
import type { ByteBudget } from './http/overload/byte-budget.js'
import { createRequestLog } from './http/request-log.js'
import type { RequestObserver } from './http/request-observer.js'
import { routingPath } from './http/request-target.js'
import { slashHint } from './http/slash-hint.js'
import type { TrustedHosts } from './http/trusted-hosts.js'
import { batchHandlers } from './items/batch-routes.js'
import type { ItemStore } from './items/item-store.js'
import { legacyHandlers } from './items/legacy-routes.js'
import { itemHandlers } from './items/routes.js'
import { metricsHandlers } from './metrics/routes.js'
import { mountRoutes } from './mount-routes.js'
import type { NamespaceStore } from './namespaces/namespace-store.js'
import { namespaceHandlers } from './namespaces/routes.js'
import { createRateLimit, type LimitObserver, type RateLimitOptions } from './rate-limit/rate-limit.js'
import { apiInfo, docsHandlers } from './system/docs.js'
import { healthHandlers, type ServiceState } from './system/health.js'
import { landingHandlers } from './system/landing.js'
import { problemHandlers } from './system/problems.js'
import { transactionHandlers } from './transactions/routes.js'

export interface AppOptions {
  readonly store: ItemStore
  readonly versions: ItemVersions
  readonly restore: RestoreItem
  readonly namespaces: NamespaceStore
  readonly apiKeys: ApiKeyStore
  /** Undefined if the change log is off. */
  readonly changeStreams: ChangeStreams | undefined
  /** Whether callers need an API key. */
  readonly authRequired: boolean
  /** An API key that has all rights. */
  readonly adminKey: string | undefined
  /** The names that are accepted in `Host`. Undefined if every `Host` and `Origin` is accepted. */
  readonly trustedHosts: TrustedHosts | undefined
  /** The origins whose pages may call a service with API keys. */
  readonly corsOrigins: ReadonlySet<string>
  readonly service: ServiceState
  readonly rateLimit: RateLimitOptions
  readonly valueBytesMax: number
  /** Limits the bytes of all requests in progress. */
  readonly budget: ByteBudget
  /** Counts the requests that wait for short statements. */
  readonly admissions: Admissions
  /** Whether the routes of keys at the root are enabled. */
  readonly rootKeys: boolean
  /** Returns the metrics. */
  readonly metricsText: () => Promise<string>
  /** Whether the metrics are served on another port. */
  readonly metricsMoved: boolean
  readonly observe: { readonly requests: RequestObserver; readonly limit: LimitObserver }
  readonly logger: Logger
  readonly logFormat: LogFormat
}

const createHandlers = (
  { store, versions, restore, service, ...options }: AppOptions,
  document: () => Record<string, unknown>,
): Handlers => {
  const items = itemHandlers(store, versions)
  return {
    ...items,
    ...batchHandlers(store),
    ...transactionHandlers(store),
    ...historyHandlers(versions, restore),
    ...namespaceHandlers(options.namespaces),
    ...apiKeyHandlers(options.apiKeys),
    ...changeHandlers(options.changeStreams),
    ...legacyHandlers(items, store),
    ...healthHandlers(service),
    ...metricsHandlers(options.metricsText),
    ...landingHandlers(service.version),
    ...docsHandlers(document),
    ...problemHandlers(),
  }
}

/** Processes the requests. */
export interface App {
  /** Processes any request, with all routes and middleware. */
  readonly general: OpenAPIHono<HttpEnv>
  /** Processes plain requests in less time. Undefined if requests are traced. */
  readonly express: ServeExpress | undefined
}

/** Creates the app. Does no I/O. */
export const createApp = (options: AppOptions): App => {
  const { service, trustedHosts, authRequired, observe, logger } = options
  // Paths stay encoded until a parameter is decoded, once. If they were decoded before, %252F and %2F would be the same key.
  const app = new OpenAPIHono<HttpEnv>({
    getPath: (_request, context?: { readonly env?: Partial<HttpBindings> }) =>
      context?.env?.incoming === undefined ? '/' : routingPath(context.env.incoming),
  })
  const served = enabledRoutes({
    ROOT_KEYS: options.rootKeys,
    AUTH: authRequired,
    CHANGE_LOG: options.changeStreams !== undefined,
    METRICS_PORT: options.metricsMoved,
  })

  const cors = authRequired
    ? createCors(
        options.corsOrigins,
        served.map(({ route }) => route),
      )
    : undefined
  const log = createRequestLog(logger, options.logFormat)
  app.use(observeRequests(service.stopping, log, observe.requests))
  app.use(acceptRequests({ trustedHosts, cors }))

  const limit = createRateLimit(options.rateLimit, observe.limit)
  const handlers = createHandlers(options, () => openapiDocument(app, apiInfo(service.version)))
  const shared = {
    served,
    handlers,
    authenticate: authRequired ? authenticateWithKeys(options.apiKeys, options.adminKey, limit) : allowAnonymous(limit),
    isStillValid: authRequired ? createKeyCheck(options.apiKeys, options.adminKey) : async () => true,
    admissions: options.admissions,
    valueBytesMax: options.valueBytesMax,
    budget: options.budget,
  }
  mountRoutes(app, shared)
  app.notFound((c) => {
    throw new ApiError('route_not_found', `No route has this path.${slashHint(c.env.incoming) ?? ' All routes are listed at /docs.'}`)
  })
  const toProblem = createErrorToProblem(logger)
  app.onError(errorResponse(toProblem))
  if (observe.requests.around !== undefined) return { general: app, express: undefined }
  const express = createExpressLane({
    ...shared,
    trustedHosts,
    cors,
    isStopping: service.stopping,
    log,
    observer: observe.requests,
    toProblem,
  })
  return { general: app, express }
}
