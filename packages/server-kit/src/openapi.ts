import { errors, Problem, type RouteContract, tags } from '@holdfast/contracts'
import { createRoute, OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi'

/** A route and its operation id. */
export interface DescribedRoute {
  readonly id: string
  readonly route: RouteContract
}

type Responses = RouteConfig['responses']

const problemContent = { 'application/problem+json': { schema: Problem } }
const retryAfter = z.object({ 'retry-after': z.string().meta({ description: 'Seconds.' }) })

/** Headers of every answer on a limited route. */
const limitHeaders = z.object({
  'ratelimit-policy': z.string().meta({ examples: ['"default";q=60;w=60'] }),
  ratelimit: z.string().meta({ examples: ['"default";r=59;t=60'] }),
})

const successResponses = (route: RouteContract): Responses =>
  Object.fromEntries(
    Object.entries(route.responses).map(([status, { description, body, contentType, headers }]) => [
      status,
      {
        description,
        ...(body === undefined ? {} : { content: { 'application/json': { schema: body } } }),
        ...(contentType === undefined ? {} : { content: { [contentType]: { schema: z.string() } } }),
        headers: z.object({ ...(route.limited ? limitHeaders.shape : {}), ...headers?.shape }),
      },
    ]),
  )

/** One response for each status that the route refuses with; codes that share a status share it. */
const errorResponses = (route: RouteContract): Responses => {
  const statuses = [...new Set(route.errors.map((code) => errors[code].status))].sort()
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = route.errors.filter((code) => errors[code].status === status)
      const description = codes.map((code) => `\`${code}\`: ${errors[code].title}.`).join('\n\n')
      const waits = status === 429 || status === 503
      return [status, { description, content: route.method === 'head' ? {} : problemContent, ...(waits ? { headers: retryAfter } : {}) }]
    }),
  )
}

/** Whether a route may ask who calls. */
const asksForKey = ({ errors: codes }: RouteContract): boolean => codes.includes('unauthenticated')

const toRoute = (id: string, route: RouteContract): RouteConfig => {
  const { params, query, headers, body, bodyOptional } = route.request
  return createRoute({
    operationId: id,
    method: route.method,
    path: route.path,
    tags: [route.tag],
    // An empty list says that no key is needed, and an empty object that none is needed with AUTH=off.
    security: asksForKey(route) ? [{ api_key: [] }, {}] : [],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    request: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { query }),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body: { content: { 'application/json': { schema: body } }, required: !bodyOptional } }),
    },
    responses: { ...successResponses(route), ...errorResponses(route) },
  } as Parameters<typeof createRoute>[0])
}

const usedTags = (served: readonly DescribedRoute[]) => {
  const used = new Set<string>(served.map(({ route }) => route.tag))
  return Object.entries(tags).flatMap(([name, description]) => (used.has(name) ? [{ name, description }] : []))
}

/** Typed by OpenAPI 3.0, which does not know `identifier`. */
const license: { name: string } = Object.freeze({ name: 'MIT License', identifier: 'MIT' })

/** The OpenAPI 3.1 document of the routes that are served. */
export const openapiDocument = (
  info: { readonly title: string; readonly version: string; readonly description: string },
  served: readonly DescribedRoute[],
): Record<string, unknown> => {
  const app = new OpenAPIHono()
  for (const { id, route } of served) app.openAPIRegistry.registerPath(toRoute(id, route))
  if (served.some(({ route }) => asksForKey(route))) {
    app.openAPIRegistry.registerComponent('securitySchemes', 'api_key', {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'hf_<id>_<secret>',
    })
  }
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { ...info, license },
    servers: [{ url: '/' }],
    tags: usedTags(served),
  })
  return { ...document }
}
