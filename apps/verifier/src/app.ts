import { randomUUID } from 'node:crypto'
import type { Client } from '@holdfast/client'
import {
  type ErrorCode,
  errors,
  type Problem,
  type RouteResponse,
  type TestReport,
  type TestStatus,
  type VerifierRouteId,
  type VerifierRoutes,
  verifierRoutes,
  type Workflow,
  workflows,
} from '@holdfast/contracts'
import {
  type Logger,
  openapiDocument,
  openapiRoute,
  pageHeaders,
  referenceFile,
  referencePage,
  securityHeaders,
} from '@holdfast/server-kit'
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { watchReachability } from './reachability.js'
import { runAllTests, runTest } from './run-test.js'
import { TooManyWaiting, takeTurns } from './turns.js'

export interface AppOptions {
  readonly client: Client
  readonly apiUrl: string
  readonly version: string
  readonly reachability: ReturnType<typeof watchReachability>
  readonly logger: Logger
}

/** A handler for every route of the contract. */
type Handlers = { readonly [Id in VerifierRouteId]: (parameter: string) => Promise<RouteResponse<VerifierRoutes[Id]>> }

/** A rejection of a request. */
class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ErrorCode
  constructor(code: ErrorCode, detail: string) {
    super(detail)
    this.code = code
  }
}

const waitingMax = 8

const statusOf = (report: { details: { error?: unknown } }) => (report.details.error === undefined ? 200 : 502)

const createHandlers = (app: OpenAPIHono, { client, apiUrl, version, reachability, logger }: AppOptions): Handlers => {
  const inTurn = takeTurns(waitingMax)
  const lastResults: TestStatus['last_results'] = {}
  const record = ({ success, test_name, details }: TestReport, workflow: Workflow) => {
    const { steps_executed, duration_ms } = details
    lastResults[workflow] = { success, finished_at: new Date().toISOString(), steps_executed, duration_ms }
    logger[success ? 'info' : 'warn']({ test_name, success, steps_executed, duration_ms }, 'test completed')
  }
  const description = 'Tests a running Holdfast API through its client.'
  const page = referencePage('Holdfast verifier')
  return {
    runAllTests: async () => {
      const body = await inTurn(() => runAllTests(client, record))
      return { status: statusOf(body), body }
    },
    runTest: async (workflow) => {
      if (!workflows.includes(workflow as Workflow)) {
        throw new ApiError('route_not_found', `there is no test with this name; use one of ${workflows.join(', ')}, all`)
      }
      const body = await inTurn(() => runTest(client, workflow as Workflow))
      record(body, workflow as Workflow)
      return { status: statusOf(body), body }
    },
    testStatus: async () => ({ status: 200, body: { api: { url: apiUrl, ...(await reachability.probe()) }, last_results: lastResults } }),
    health: async () => ({ status: 200, body: { status: 'ok', version } }),
    openapi: async () => ({ status: 200, body: openapiDocument(app, { title: 'Holdfast verifier', version, description }) }),
    docs: async () => ({ status: 200, body: page }),
    docsAsset: async (name) => {
      const file = await referenceFile(name)
      if (file === undefined) throw new ApiError('route_not_found', 'the reference has no file with this name')
      return { status: 200, ...file }
    },
  }
}

/** Creates the verifier's routes. Sends no requests until a route is called. */
export const createApp = (options: AppOptions): OpenAPIHono => {
  const app = new OpenAPIHono({ strict: false })
  const handlers = createHandlers(app, options)

  const reject = (code: ErrorCode, detail: string, headers: Record<string, string> = {}): Response => {
    const { status, title } = errors[code]
    const instance = randomUUID()
    const problem: Problem = { type: new URL(`/problems/${code}`, options.apiUrl).href, title, status, detail, instance, code }
    const all = { ...securityHeaders, 'content-type': 'application/problem+json', 'x-request-id': instance, ...headers }
    return new Response(JSON.stringify(problem), { status, headers: all })
  }

  const serve = (id: VerifierRouteId) => async (context: Context) => {
    const { status, body, contentType } = (await handlers[id](Object.values(context.req.param())[0] ?? '')) as {
      status: number
      body: unknown
      contentType?: string
    }
    const route = verifierRoutes[id].responses[200]
    if ('contentType' in route) {
      const type = contentType ?? route.contentType
      const extraHeaders = type.startsWith('text/html') ? pageHeaders : {}
      return new Response(body as string, { status, headers: { ...securityHeaders, ...extraHeaders, 'content-type': type } })
    }
    return new Response(JSON.stringify(body), { status, headers: { ...securityHeaders, 'content-type': 'application/json' } })
  }

  for (const [id, route] of Object.entries(verifierRoutes)) {
    const { method, path } = route
    const described = openapiRoute(id, route)
    const honoPath = described.getRoutingPath()
    app.openAPIRegistry.registerPath(described)
    app.on(method, honoPath, serve(id as VerifierRouteId))
    const allow = method === 'get' ? 'GET, HEAD' : 'POST'
    if (path !== '/test/{workflow}')
      app.all(honoPath, () => reject('method_not_allowed', `Method not allowed. Allowed: ${allow}.`, { allow }))
  }
  app.notFound(() => reject('route_not_found', 'no route has this path; /docs lists all routes'))
  app.onError((error) => {
    if (error instanceof ApiError) return reject(error.code, error.message)
    if (error instanceof TooManyWaiting) return reject('overloaded', 'too many runs are waiting; retry later', { 'retry-after': '5' })
    options.logger.error({ err: error }, 'request failed')
    return reject('internal', 'the verifier failed; its log has the cause')
  })
  return app
}
