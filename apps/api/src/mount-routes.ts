import type { RouteContract, RouteId, RouteInput } from '@holdfast/contracts'
import { openapiRoute } from '@holdfast/server-kit'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { authorize } from './api-keys/authorize.js'
import { ApiError } from './http/api-error.js'
import type { EnabledRoute } from './http/enabled-routes.js'
import type { HandledRoute, Handler, Handlers } from './http/handler.js'
import type { HttpContext, HttpEnv, HttpMiddleware } from './http/hono-env.js'
import { type BodyLimits, jsonBody } from './http/json-body.js'
import type { OperationContext } from './http/operation-context.js'
import { type Admissions, countRequests } from './http/overload/admission.js'
import { respond } from './http/respond.js'
import { slashHint } from './http/slash-hint.js'
import { rejectUnsupportedConditions } from './http/unsupported-conditions.js'
import { requestNamespace, validateRequest } from './http/validate.js'
import { readIdempotencyKey } from './idempotency/read-idempotency-key.js'

export interface MountOptions extends BodyLimits {
  readonly served: readonly EnabledRoute[]
  readonly handlers: Handlers
  /** Identifies the caller of a route with a rate limit, and counts the request. */
  readonly authenticate: HttpMiddleware
  /** Counts the requests that wait for short statements. */
  readonly admissions: Admissions
}

/** Routes whose statements have their own queues and bounds. */
const longRoutes: ReadonlySet<RouteId> = new Set<RouteId>([
  'listItems',
  'deleteItems',
  'getItems',
  'listNamespaces',
  'getNamespace',
  'deleteNamespace',
])

const setRoute =
  (id: EnabledRoute['id']): HttpMiddleware =>
  (c, next) => {
    c.get('request').route = id
    return next()
  }

/** The steps from a request to its validated input, in order. The cheap ones that reject requests come first. */
const middlewareOf = (served: EnabledRoute, { authenticate, admissions, ...bodyLimits }: MountOptions): HttpMiddleware[] => {
  const { id, route } = served
  const isShort = route.limited && !longRoutes.has(id)
  return [
    setRoute(id),
    ...(route.limited ? [authenticate, authorize(route), rejectUnsupportedConditions(route)] : []),
    ...(route.request.body === undefined ? [] : [jsonBody(route, bodyLimits)]),
    validateRequest(served),
    ...(route.safe ? [] : [readIdempotencyKey(served)]),
    ...(isShort ? [countRequests(route.safe ? admissions.read : admissions.write)] : []),
  ]
}

const operationContext = (c: HttpContext): OperationContext => {
  const request = c.get('request')
  const caller = c.get('caller')
  return {
    requestId: request.id,
    deadline: request.deadline,
    namespace: requestNamespace(c),
    caller,
    client: caller?.id ?? request.client ?? '',
    canCreateNamespace: caller === undefined || caller.namespaces === null,
    bodyText: c.get('body')?.text,
    idempotencyKey: c.get('idempotencyKey'),
  }
}

/** Rejects the methods that a path has no route for (RFC 9110 section 15.5.6). */
const rejectMethod = (routesOfPath: readonly EnabledRoute[]): HttpMiddleware => {
  const methods = new Set(routesOfPath.map(({ route }) => route.method.toUpperCase()))
  if (methods.has('GET')) methods.add('HEAD')
  const allow = [...methods].sort().join(', ')
  return (c) => {
    const hint = slashHint(c.env.incoming) ?? ''
    throw new ApiError('method_not_allowed', `Method not allowed. Allowed: ${allow}.${hint}`, { headers: { allow } })
  }
}

const mountRoute = (app: OpenAPIHono<HttpEnv>, served: EnabledRoute, options: MountOptions): void => {
  const { id, operationId, route } = served
  const described = openapiRoute(operationId, route)
  app.openAPIRegistry.registerPath(described)
  // Hono serves HEAD by the route of GET.
  if (route.method === 'head') return
  const handler = options.handlers[id as HandledRoute] as unknown as Handler<RouteContract>
  const serve: HttpMiddleware = async (c) =>
    respond(c, route, await handler(operationContext(c), c.get('valid') as unknown as RouteInput<RouteContract>))
  for (const step of [...middlewareOf(served, options), serve]) app.on(route.method, described.getRoutingPath(), step)
}

/**
 * Mounts every route of the contracts with its middleware and its handler, and describes it in the app's OpenAPI registry. Where several
 * paths match a request, the first one serves it, whatever the method.
 */
export const mountRoutes = (app: OpenAPIHono<HttpEnv>, options: MountOptions): void => {
  for (const routesOfPath of Map.groupBy(options.served, ({ route }) => route.path).values()) {
    for (const served of routesOfPath) mountRoute(app, served, options)
    const [first] = routesOfPath
    if (first === undefined) continue
    const path = openapiRoute(first.operationId, first.route).getRoutingPath()
    const limited = routesOfPath.some(({ route }) => route.limited)
    if (limited) app.all(path, options.authenticate)
    app.all(path, rejectMethod(routesOfPath))
  }
}
