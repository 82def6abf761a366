import type { RouteAnswer, RouteContract, RouteId, RouteInput, Routes } from '@holdfast/contracts'
import type { Hono, MiddlewareHandler } from 'hono'
import { stringifyJson } from '../json-text.js'
import { Refusal } from '../refusal.js'
import type { StoreCall } from '../store/items.js'
import { answer } from './answer.js'
import { readJsonBody } from './body.js'
import type { HttpContext, HttpEnv } from './context.js'
import { parseQuery, requestTarget } from './request-target.js'
import type { ServedRoute } from './served-routes.js'
import { validateRequest } from './validate.js'

/** What a handler may use of a call besides its validated input. */
interface Call extends StoreCall {
  /** The text of a JSON body. */
  readonly bodyText: string | undefined
}

/** Turns a validated request into one of the answers that its route declares; refuses by throwing. */
export type Handler<R extends RouteContract> = (input: RouteInput<R>, call: Call) => Promise<RouteAnswer<R>>

/** HEAD is served by the handler of GET, whose body the server leaves out (RFC 9110 section 9.3.2). */
type HandledRoute = { [Id in RouteId]: Routes[Id]['method'] extends 'head' ? never : Id }[RouteId]

/** A handler for every route; one that is missing does not compile. */
export type Handlers = { readonly [Id in HandledRoute]: Handler<Routes[Id]> }

interface AnyAnswer {
  readonly status: number
  readonly body?: unknown
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, unknown>> | undefined
}

const respond = (context: HttpContext, route: RouteContract, given: AnyAnswer): Response => {
  const contract = route.answers[given.status]
  if (contract?.contentType !== undefined) {
    const headers = { 'content-type': given.contentType ?? contract.contentType, 'cache-control': 'no-cache' }
    return answer(context, given.status, given.body as string, headers)
  }
  if (contract?.body === undefined) return answer(context, given.status, null, given.headers)
  return answer(context, given.status, stringifyJson(given.body), { 'content-type': 'application/json', ...given.headers })
}

const serve = (id: RouteId, route: RouteContract, handler: Handler<RouteContract>, valueBytesMax: number) => {
  const takesBody = route.request.body !== undefined
  return async (context: HttpContext): Promise<Response> => {
    const { incoming } = context.env
    context.var.state.route = id
    const body = takesBody ? await readJsonBody(incoming, valueBytesMax) : undefined
    const input = validateRequest(route, {
      params: context.req.param(),
      query: parseQuery(requestTarget(incoming).query),
      headers: incoming.headers,
      body: body?.value,
    })
    const call = { deadline: context.var.state.deadline, bodyText: body?.text }
    return respond(context, route, await handler(input as RouteInput<RouteContract>, call))
  }
}

/** The path as Hono writes it. */
const honoPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

export interface MountOptions {
  readonly served: readonly ServedRoute[]
  readonly handlers: Handlers
  /** Counts the caller's requests; runs before every route that is limited. */
  readonly limit: MiddlewareHandler<HttpEnv>
  readonly valueBytesMax: number
}

/** What a path refuses that has no route for the method (RFC 9110 section 15.5.6). */
const refuseMethod = (routesOfPath: readonly ServedRoute[]) => {
  const methods = routesOfPath.map(({ route }) => route.method.toUpperCase())
  const allow = [...new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods)].sort().join(', ')
  return (context: HttpContext): never => {
    throw new Refusal('method_not_allowed', `${context.req.method} is not a method of this path; it has ${allow}`, { headers: { allow } })
  }
}

/** Mounts every contract with its handler. Where several paths fit a request, the first takes it, whatever the method. */
export const mountRoutes = (app: Hono<HttpEnv>, { served, handlers, limit, valueBytesMax }: MountOptions): void => {
  for (const [path, routesOfPath] of Map.groupBy(served, ({ route }) => route.path)) {
    if (routesOfPath.some(({ route }) => route.limited)) app.all(honoPath(path), limit)
    for (const { id, route } of routesOfPath) {
      if (route.method === 'head') continue
      const handler = handlers[id as HandledRoute] as unknown as Handler<RouteContract>
      app.on(route.method.toUpperCase(), honoPath(path), serve(id, route, handler, valueBytesMax))
    }
    app.all(honoPath(path), refuseMethod(routesOfPath))
  }
}
