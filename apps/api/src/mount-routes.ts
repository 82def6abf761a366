import type { IncomingMessage } from 'node:http'
import type { RouteContract, RouteId, RouteInput } from '@holdfast/contracts'
import { openapiRoute } from '@holdfast/server-kit'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Authenticate } from './api-keys/authenticate.js'
import { authorizeRoute } from './api-keys/authorize.js'
import { ApiError } from './http/api-error.js'
import type { EnabledRoute } from './http/enabled-routes.js'
import type { HandledRoute, Handler, Handlers } from './http/handler.js'
import type { HttpContext, HttpEnv, HttpMiddleware } from './http/hono-env.js'
import { type BodyLimits, jsonBody } from './http/json-body.js'
import { createOperationContext, type OperationContext } from './http/operation-context.js'
import type { Admissions } from './http/overload/admission.js'
import { respondAsDeclared } from './http/respond.js'
import { slashHint } from './http/slash-hint.js'
import { conditionCheck } from './http/unsupported-conditions.js'
import { requestNamespace, requestParameters, validateRequest } from './http/validate.js'
import { readIdempotencyKey } from './idempotency/read-idempotency-key.js'

export interface MountOptions extends BodyLimits {
  readonly served: readonly EnabledRoute[]
  readonly handlers: Handlers
  /** Used by every route with a rate limit. */
  readonly authenticate: Authenticate
  /** Tells whether the API key of a request is still valid. */
  readonly isStillValid: (incoming: IncomingMessage) => Promise<boolean>
  /** Counts the requests that wait for short statements. */
  readonly admissions: Admissions
}

/** Routes whose statements have their own queues and bounds. */
const longRoutes: ReadonlySet<RouteId> = new Set<RouteId>([
  'listItems',
  'deleteItems',
  'getItems',
  'listItemVersions',
  'listNamespaces',
  'getNamespace',
  'deleteNamespace',
  'watch',
  'watchMany',
  'listChanges',
])

/** Creates middleware that identifies the caller, counts the request, and checks the caller's rights before the body is read. */
const enterRoute = ({ id, route }: EnabledRoute, authenticate: Authenticate): HttpMiddleware => {
  const checkConditions = conditionCheck(route)
  return async (c, next) => {
    c.get('request').route = id
    if (route.limited) {
      const caller = await authenticate(c.env.incoming, c.get('request'))
      c.set('caller', caller)
      authorizeRoute(caller, route, requestNamespace(c))
      checkConditions(c.env.incoming.headers)
    }
    return await next()
  }
}

const operationContext = (c: HttpContext, served: EnabledRoute, isStillValid: MountOptions['isStillValid']): OperationContext => {
  const request = c.get('request')
  const caller = c.get('caller')
  const namespace = requestNamespace(c)
  const bodyText = c.get('body')?.text
  const client = caller?.id ?? request.client ?? ''
  const write = { served, incoming: c.env.incoming, namespace, caller: client, body: bodyText, parameters: () => requestParameters(c) }
  const idempotencyKey = served.route.safe ? undefined : readIdempotencyKey(c.get('valid').headers, write)
  const isStillAllowed = served.route.responses[200]?.events === undefined ? undefined : () => isStillValid(c.env.incoming)
  return createOperationContext(request, { namespace, caller, bodyText, idempotencyKey, isStillAllowed })
}

/** Creates middleware that calls the handler of a route. It counts the requests in progress. */
const serveRoute = (served: EnabledRoute, handler: Handler<RouteContract>, { admissions, isStillValid }: MountOptions): HttpMiddleware => {
  const { id, route } = served
  const admission = route.safe ? admissions.read : admissions.write
  const serve = async (c: HttpContext) =>
    respondAsDeclared(
      c,
      route,
      await handler(operationContext(c, served, isStillValid), c.get('valid') as unknown as RouteInput<RouteContract>),
    )
  if (!route.limited || longRoutes.has(id)) return serve
  return async (c) => {
    admission.enter()
    try {
      return await serve(c)
    } finally {
      admission.leave()
    }
  }
}

const mountRoute = (app: OpenAPIHono<HttpEnv>, served: EnabledRoute, options: MountOptions): void => {
  const { id, operationId, route } = served
  const described = openapiRoute(operationId, route)
  app.openAPIRegistry.registerPath(described)
  // Hono serves HEAD by the route of GET.
  if (route.method === 'head') return
  const handler = options.handlers[id as HandledRoute] as unknown as Handler<RouteContract>
  const steps = [
    enterRoute(served, options.authenticate),
    ...(route.request.body === undefined ? [] : [jsonBody(route, options)]),
    validateRequest(served),
    serveRoute(served, handler, options),
  ]
  for (const step of steps) app.on(route.method, described.getRoutingPath(), step)
}

/** Creates middleware that rejects the methods that a path has no route for (RFC 9110 section 15.5.6). */
const rejectMethod = (routesOfPath: readonly EnabledRoute[], authenticate: Authenticate): HttpMiddleware => {
  const methods = new Set(routesOfPath.map(({ route }) => route.method.toUpperCase()))
  if (methods.has('GET')) methods.add('HEAD')
  const allow = [...methods].sort().join(', ')
  const limited = routesOfPath.some(({ route }) => route.limited)
  return async (c) => {
    if (limited) await authenticate(c.env.incoming, c.get('request'))
    const hint = slashHint(c.env.incoming) ?? ''
    throw new ApiError('method_not_allowed', `Method not allowed. Allowed: ${allow}.${hint}`, { headers: { allow } })
  }
}

/**
 * Mounts every route of the contracts with its middleware and its handler, and describes it in the app's OpenAPI registry. If several
 * paths match a request, the first one serves it, whatever the method.
 */
export const mountRoutes = (app: OpenAPIHono<HttpEnv>, options: MountOptions): void => {
  for (const routesOfPath of Map.groupBy(options.served, ({ route }) => route.path).values()) {
    for (const served of routesOfPath) mountRoute(app, served, options)
    const [first] = routesOfPath
    if (first !== undefined) {
      app.all(openapiRoute(first.operationId, first.route).getRoutingPath(), rejectMethod(routesOfPath, options.authenticate))
    }
  }
}
