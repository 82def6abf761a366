import {
  defaultNamespace,
  type RouteContract,
  type RouteId,
  type RouteInput,
  type RouteResponse,
  type Routes,
  routes,
} from '@holdfast/contracts'
import type { Hono } from 'hono'
import type { Authenticate, Caller } from '../api-keys/authenticate.js'
import { authorizeRoute } from '../api-keys/authorize.js'
import { canonicalTarget } from '../idempotency/canonical-target.js'
import { toIdempotencyKey } from '../idempotency/idempotency-key.js'
import type { OperationContext } from '../items/operation-context.js'
import { stringifyJson } from '../lib/json-text.js'
import { ApiError } from './api-error.js'
import type { EnabledRoute } from './enabled-routes.js'
import { writeConditions } from './entity-tags.js'
import type { HttpContext, HttpEnv } from './hono-env.js'
import { bodyBound, type JsonBody, readJsonBody, reserveBody, valueBound } from './json-body.js'
import type { Admissions } from './overload/admission.js'
import type { ByteBudget } from './overload/byte-budget.js'
import { prefersMinimal, prefersRepresentation } from './preferences.js'
import type { RequestState } from './request-context.js'
import type { RequestPipeline, Respond } from './request-pipeline.js'
import { parseQuery, requestTarget } from './request-target.js'
import { answer } from './respond.js'
import { slashHint } from './slash-hint.js'
import { conditionCheck } from './unsupported-conditions.js'
import { requestValidator } from './validate.js'

/** Turns a validated request into one of the answers that its route declares; refuses by throwing. */
export type Handler<R extends RouteContract> = (context: OperationContext, input: RouteInput<R>) => Promise<RouteResponse<R>>

/** HEAD is served by the handler of GET, whose body the server leaves out (RFC 9110 section 9.3.2). */
type HandledRoute = { [Id in RouteId]: Routes[Id]['method'] extends 'head' ? never : Id }[RouteId]

/** A handler for every route; one that is missing does not compile. */
export type Handlers = { readonly [Id in HandledRoute]: Handler<Routes[Id]> }

/** The headers of a write that say how it is applied. */
interface WriteHeaders {
  readonly 'idempotency-key'?: string | undefined
  readonly 'if-match'?: string | undefined
  readonly 'if-none-match'?: string | undefined
}

interface AnyResponse {
  readonly status: number
  readonly body?: unknown
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, unknown>> | undefined
}

const toResponse = (state: RequestState, route: RouteContract, given: AnyResponse): Response => {
  const contract = route.responses[given.status]
  if (contract?.contentType !== undefined) {
    const headers = { 'content-type': given.contentType ?? contract.contentType, 'cache-control': 'no-cache', ...given.headers }
    return answer(state, given.status, given.body as string, headers)
  }
  if (contract?.body === undefined) return answer(state, given.status, null, given.headers)
  state.headers['content-type'] = 'application/json'
  return answer(state, given.status, stringifyJson(given.body), given.headers)
}

/** Routes whose statements have lanes of their own, with bounds of their own. */
const longRoutes: ReadonlySet<RouteId> = new Set<RouteId>([
  'listItems',
  'deleteItems',
  'getItems',
  'listNamespaces',
  'getNamespace',
  'deleteNamespace',
])

/** The parameters of a request whose key is in the query, with the key where the handler expects it. */
const withKeyAsParameter = <Text>(request: { readonly params?: unknown; readonly query?: unknown }) => {
  const { key, ...query } = request.query as Record<string, Text>
  return { params: { ...(request.params as Record<string, Text>), key: key as Text }, query }
}

/** Answers the requests of one route: what the contract asks of a request in, what it declares out. */
const respondTo = (
  { id, route, keyInQuery }: EnabledRoute,
  handler: Handler<RouteContract>,
  { authenticate, valueBytesMax, budget, admissions }: MountOptions,
): Respond => {
  const { body: schema, bodyBytesMax, valueLevel } = route.request
  const shape = { valueLevel: valueLevel ?? 1, holdsValue: bodyBytesMax === undefined || valueLevel !== undefined }
  const bound = bodyBytesMax === undefined ? valueBound(valueBytesMax) : bodyBound(bodyBytesMax)
  const validate = requestValidator(route)
  const checkConditions = conditionCheck(route)
  const isShort = route.limited && !longRoutes.has(id)
  const admission = route.safe ? admissions.read : admissions.write
  const respond = async (context: HttpContext, state: RequestState, caller: Caller | undefined, body: JsonBody | undefined) => {
    const { incoming } = context.env
    const raw = { params: context.req.param(), query: parseQuery(requestTarget(incoming).query) }
    const validated = validate({ ...raw, headers: incoming.headers, body: body?.value })
    const valid = keyInQuery ? { ...validated, ...withKeyAsParameter(validated) } : validated
    const namespace = (valid.params as { namespace?: string } | undefined)?.namespace ?? defaultNamespace
    const headers: WriteHeaders = valid.headers ?? {}
    const { method = '', url: target = '' } = incoming
    const prefer = incoming.headers.prefer?.toString()
    const client = caller?.id ?? state.client ?? ''
    const idempotencyKey =
      route.safe || headers['idempotency-key'] === undefined
        ? undefined
        : toIdempotencyKey(headers['idempotency-key'], {
            namespace,
            caller: client,
            method,
            target,
            canonicalTarget: canonicalTarget(routes[id], { namespace, ...(keyInQuery ? withKeyAsParameter(raw) : raw) }),
            body: body?.text,
            conditions: writeConditions(headers),
            minimal: prefersMinimal(prefer),
            representation: route.method === 'delete' && prefersRepresentation(prefer),
          })
    const operationContext: OperationContext = {
      requestId: state.id,
      deadline: state.deadline,
      namespace,
      caller,
      client,
      canCreateNamespace: caller === undefined || caller.namespaces === null,
      bodyText: body?.text,
      idempotencyKey,
    }
    if (!isShort) return toResponse(state, route, await handler(operationContext, valid as unknown as RouteInput<RouteContract>))
    admission.enter()
    try {
      return toResponse(state, route, await handler(operationContext, valid as unknown as RouteInput<RouteContract>))
    } finally {
      admission.leave()
    }
  }
  return async (context, state) => {
    const { incoming } = context.env
    state.route = id
    const caller = route.limited ? await authenticate(incoming, state) : undefined
    authorizeRoute(caller, route, context.req.param('namespace') ?? defaultNamespace)
    if (route.limited) checkConditions(incoming.headers)
    if (schema === undefined) return respond(context, state, caller, undefined)
    const reserved = reserveBody(incoming, bound, budget)
    const lease = reserved instanceof Promise ? await reserved : reserved
    try {
      return await respond(context, state, caller, await readJsonBody(context.env, bound, shape, lease))
    } finally {
      lease.release()
    }
  }
}

/** The path as Hono writes it. */
const honoPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

export interface MountOptions {
  readonly served: readonly EnabledRoute[]
  readonly handlers: Handlers
  readonly requestPipeline: RequestPipeline
  /** Finds out who calls and counts the request; runs before everything else of a route that is limited. */
  readonly authenticate: Authenticate
  readonly valueBytesMax: number
  /** Bounds the bytes of the requests that are served at once. */
  readonly budget: ByteBudget
  /** Counts the requests that wait for short statements. */
  readonly admissions: Admissions
}

/** Answers the requests of one path by their method, and refuses those that it has no route for (RFC 9110 section 15.5.6). */
const respondToPath = (routesOfPath: readonly EnabledRoute[], options: MountOptions): Respond => {
  const methods = new Map<string, Respond>()
  for (const served of routesOfPath) {
    if (served.route.method === 'head') continue
    const handler = options.handlers[served.id as HandledRoute] as unknown as Handler<RouteContract>
    methods.set(served.route.method.toUpperCase(), respondTo(served, handler, options))
  }
  const get = methods.get('GET')
  if (get !== undefined) methods.set('HEAD', get)
  const allow = [...methods.keys()].sort().join(', ')
  const limited = routesOfPath.some(({ route }) => route.limited)
  const reject: Respond = async ({ env: { incoming } }, state) => {
    if (limited) await options.authenticate(incoming, state)
    const hint = slashHint(incoming) ?? ''
    throw new ApiError('method_not_allowed', `Method not allowed. Allowed: ${allow}.${hint}`, { headers: { allow } })
  }
  return (context, state) => (methods.get(context.env.incoming.method ?? '') ?? reject)(context, state)
}

/**
 * Mounts every contract with its handler. A path is one route of Hono's, which then needs no chain for it; where several
 * paths fit a request, the first takes it, whatever the method.
 */
export const mountRoutes = (app: Hono<HttpEnv>, options: MountOptions): void => {
  for (const [path, routesOfPath] of Map.groupBy(options.served, ({ route }) => route.path)) {
    app.all(honoPath(path), options.requestPipeline(respondToPath(routesOfPath, options)))
  }
}
