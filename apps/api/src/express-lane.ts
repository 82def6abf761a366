import type { IncomingMessage, ServerResponse } from 'node:http'
import { limits, type RouteInput, type Routes } from '@holdfast/contracts'
import type { Authenticate } from './api-keys/authenticate.js'
import { authorizeRoute } from './api-keys/authorize.js'
import { readBytes, reserveBody, valueBound } from './http/body-bytes.js'
import type { Cors } from './http/cors.js'
import type { EnabledRoute } from './http/enabled-routes.js'
import type { ErrorToProblem } from './http/error-response.js'
import type { HandlerResponse, Handlers } from './http/handler.js'
import type { JsonBody } from './http/hono-env.js'
import type { ServeExpress } from './http/http-server.js'
import { type BodyLimits, bodyShape, parseBody } from './http/json-body.js'
import { openRequest } from './http/observe-requests.js'
import { createOperationContext } from './http/operation-context.js'
import type { Admissions } from './http/overload/admission.js'
import { type PlainRequest, readPlainRequest } from './http/plain-request.js'
import type { RequestContext } from './http/request-context.js'
import type { RequestLog } from './http/request-log.js'
import type { RequestObserver } from './http/request-observer.js'
import { addHeaders } from './http/respond.js'
import { checkSameOrigin } from './http/same-origin.js'
import type { TrustedHosts } from './http/trusted-hosts.js'
import { createValidator } from './http/validate.js'
import { readIdempotencyKey } from './idempotency/read-idempotency-key.js'
import { stringifyJson } from './lib/json-text.js'

export interface ExpressLaneOptions extends BodyLimits {
  readonly served: readonly EnabledRoute[]
  readonly handlers: Pick<Handlers, 'getItem' | 'putItem'>
  readonly authenticate: Authenticate
  readonly admissions: Admissions
  readonly trustedHosts: TrustedHosts | undefined
  readonly cors: Cors | undefined
  readonly isStopping: () => boolean
  readonly log: RequestLog
  readonly observer: RequestObserver
  readonly toProblem: ErrorToProblem
}

type PutInput = RouteInput<Routes['putItem']>

/** Tells whether a body has only a value and perhaps a valid ttl, so that its schema would accept it as it is. */
const isPlainBody = (body: unknown): body is PutInput['body'] => {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'value')) return false
  const { length } = Object.keys(body)
  if (length === 1) return true
  const { ttl } = body as { ttl?: unknown }
  return length === 2 && Number.isInteger(ttl) && (ttl as number) >= 1 && (ttl as number) <= limits.ttlSeconds
}

/** Remembers the last Host header that was accepted, because nearly all requests have the same one. */
const createHostCheck = (trustedHosts: TrustedHosts | undefined): ((incoming: IncomingMessage, host: string) => boolean) => {
  if (trustedHosts === undefined) return () => true
  let accepted: string | undefined
  return (incoming, host) => {
    if (host === accepted) return true
    try {
      checkSameOrigin(incoming, trustedHosts)
    } catch {
      // The general path rejects it.
      return false
    }
    accepted = host
    return true
  }
}

/** The route of a put with the validation of the general path. */
interface PutRoute {
  readonly served: EnabledRoute
  readonly validate: ReturnType<typeof createValidator>
}

/** Creates the validation of puts, by the contract of the general path if a schema is needed. */
const createPutValidation = (served: readonly EnabledRoute[]) => {
  const routes = [false, true].map((isNamespaced) => {
    const operationId = isNamespaced ? 'putItemInNamespace' : 'putItem'
    const route = served.find((each) => each.operationId === operationId)
    if (route === undefined) throw new Error(`no route has the operation id ${operationId}`)
    return { served: route, validate: createValidator(route) }
  }) as [PutRoute, PutRoute]
  return {
    route: (plain: PlainRequest) => routes[plain.isNamespaced ? 1 : 0],
    shape: bodyShape(routes[0].served.route),
  }
}
/**
 * Creates the express lane. It does what the general path does for a plain request, with the same checks, handlers and errors, but without
 * routing, `Request` and `Response` objects and schemas, which take most of the time of such a request. A test compares both.
 */
export const createExpressLane = (options: ExpressLaneOptions): ServeExpress => {
  const { served, handlers, authenticate, admissions, cors, isStopping, log, observer, toProblem, budget } = options
  const isHostAccepted = createHostCheck(options.trustedHosts)
  const bound = valueBound(options.valueBytesMax)
  const puts = createPutValidation(served)
  const getRoute = served.find(({ operationId }) => operationId === 'getItem')?.route as Routes['getItem']

  const get = async ({ namespace, key }: PlainRequest, incoming: IncomingMessage, request: RequestContext): Promise<HandlerResponse> => {
    const caller = await authenticate(incoming, request)
    authorizeRoute(caller, getRoute, namespace)
    admissions.read.enter()
    try {
      const context = createOperationContext(request, { namespace, caller, bodyText: undefined, idempotencyKey: undefined })
      return await handlers.getItem(context, { params: { key }, query: {}, headers: {}, body: undefined } as never)
    } finally {
      admissions.read.leave()
    }
  }

  const toPutInput = (plain: PlainRequest, { headers }: IncomingMessage, { value: body }: JsonBody): PutInput => {
    const params = plain.isNamespaced ? { namespace: plain.namespace, key: plain.key } : { key: plain.key }
    const ownHeaders = plain.idempotencyKey === undefined ? {} : { 'idempotency-key': plain.idempotencyKey }
    if (isPlainBody(body)) return { params, query: {}, headers: ownHeaders, body }
    return puts.route(plain).validate({ params, query: {}, headers, body }) as unknown as PutInput
  }

  const put = async (plain: PlainRequest, incoming: IncomingMessage, request: RequestContext): Promise<HandlerResponse> => {
    const { namespace } = plain
    const { served } = puts.route(plain)
    const caller = await authenticate(incoming, request)
    authorizeRoute(caller, served.route, namespace)
    const lease = await reserveBody(incoming, bound, budget)
    try {
      const body = parseBody(await readBytes(incoming, bound, lease), puts.shape)
      const input = toPutInput(plain, incoming, body)
      const parameters = () => ({ params: input.params, query: {} })
      const client = caller?.id ?? request.client ?? ''
      const idempotencyKey = readIdempotencyKey(input.headers, { served, incoming, namespace, caller: client, body: body.text, parameters })
      const context = createOperationContext(request, { namespace, caller, bodyText: body.text, idempotencyKey })
      admissions.write.enter()
      try {
        return await handlers.putItem(context, input)
      } finally {
        admissions.write.leave()
      }
    } finally {
      lease.release()
    }
  }

  const send = (incoming: IncomingMessage, outgoing: ServerResponse, request: RequestContext, status: number, text: string): void => {
    const { headers } = request
    headers['content-length'] = String(Buffer.byteLength(text))
    if (isStopping()) headers.connection = 'close'
    const durationMs = performance.now() - request.arrived
    log(incoming, status, durationMs, request)
    observer.responded(incoming.method ?? '', status, durationMs, request)
    outgoing.writeHead(status, headers)
    outgoing.end(text)
  }

  return (incoming, outgoing) => {
    const plain = isStopping() ? undefined : readPlainRequest(incoming)
    if (plain === undefined || plain.bodyBytes > bound.bytes || !isHostAccepted(incoming, plain.host)) return false
    const request = openRequest(incoming)
    request.route = plain.isPut ? 'putItem' : 'getItem'
    cors?.addHeaders(incoming.headers, request.headers)
    observer.arrived()
    const serve = plain.isPut ? put : get
    serve(plain, incoming, request)
      .then(({ status, body, headers }) => {
        request.headers['content-type'] = 'application/json'
        addHeaders(request.headers, headers)
        send(incoming, outgoing, request, status, stringifyJson(body))
      })
      .catch((error) => {
        const { status, body, headers } = toProblem(error, request.id, incoming.socket)
        addHeaders(request.headers, headers)
        send(incoming, outgoing, request, status, body)
      })
    return true
  }
}
