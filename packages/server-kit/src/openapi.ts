import { errors, Problem, type RouteContract, tags } from '@holdfast/contracts'
import { createRoute, type OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi'

type Responses = RouteConfig['responses']

const problemContent = { 'application/problem+json': { schema: Problem } }
const retryAfter = z.object({ 'retry-after': z.string().meta({ description: 'Seconds.' }) })

/** The headers of every response of a route with a rate limit. */
const limitHeaders = z.object({
  'ratelimit-policy': z.string().meta({ examples: ['"default";q=60;w=60'] }),
  ratelimit: z.string().meta({ examples: ['"default";r=59;t=60'] }),
})

/** Returns the schema of a body that is not JSON. The data of an event is JSON, and is described as that. */
const textSchema = (events: Readonly<Record<string, z.ZodType>> | undefined): z.ZodType =>
  events === undefined ? z.string() : z.union(Object.values(events) as [z.ZodType, z.ZodType])

const successResponses = (route: RouteContract): Responses =>
  Object.fromEntries(
    Object.entries(route.responses).map(([status, { description, body, contentType, events, headers }]) => [
      status,
      {
        description,
        ...(body === undefined ? {} : { content: { 'application/json': { schema: body } } }),
        ...(contentType === undefined ? {} : { content: { [contentType]: { schema: textSchema(events) } } }),
        headers: z.object({ ...(route.limited ? limitHeaders.shape : {}), ...headers?.shape }),
      },
    ]),
  )

/** Returns one response for each status of the route's error codes. Codes with the same status share it. */
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

/** Tells whether a route may require an API key. */
const mayRequireKey = ({ errors: codes }: RouteContract): boolean => codes.includes('unauthenticated')

/** Describes a route of the contracts to @hono/zod-openapi. */
export const openapiRoute = (operationId: string, route: RouteContract) => {
  const { params, query, headers, body, bodyOptional } = route.request
  return createRoute({
    operationId,
    method: route.method,
    path: route.path,
    tags: [route.tag],
    // An empty list says that no key is needed, and an empty object that none is needed with AUTH=off.
    security: mayRequireKey(route) ? [{ api_key: [] }, {}] : [],
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

/** Typed by OpenAPI 3.0, which does not know `identifier`. */
const license: { name: string } = Object.freeze({ name: 'MIT License', identifier: 'MIT' })

/** Returns the OpenAPI 3.1 document of the routes in the registry of an app. */
export const openapiDocument = (
  { openAPIRegistry, getOpenAPI31Document }: Pick<OpenAPIHono, 'openAPIRegistry' | 'getOpenAPI31Document'>,
  info: { readonly title: string; readonly version: string; readonly description: string },
): Record<string, unknown> => {
  const described = openAPIRegistry.definitions.flatMap((definition) => (definition.type === 'route' ? [definition.route] : []))
  if (described.some(({ security = [] }) => security.length > 0)) {
    openAPIRegistry.registerComponent('securitySchemes', 'api_key', {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'hf_<id>_<secret>',
    })
  }
  const used = new Set(described.flatMap((route) => route.tags ?? []))
  const document = getOpenAPI31Document({
    openapi: '3.1.0',
    info: { ...info, license },
    servers: [{ url: '/' }],
    tags: Object.entries(tags).flatMap(([name, description]) => (used.has(name) ? [{ name, description }] : [])),
  })
  return { ...document }
}
