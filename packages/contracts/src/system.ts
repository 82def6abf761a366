import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { defineRoute } from './route.js'

const route = { limited: false } as const

/** The state of the service. */
export const Health = z
  .object({
    status: z.enum(['ok', 'stopping', 'unavailable']),
    version: z.string(),
    uptime_seconds: z.number(),
    database: z.object({
      status: z.enum(['ok', 'unavailable']),
      kind: z.enum(['embedded', 'external']),
    }),
  })
  .meta({ id: 'Health' })

const Liveness = z.object({ status: z.literal('ok') })
const Readiness = z.object({ status: z.enum(['ok', 'stopping', 'unavailable']) })

/** Returns a summary for people, always with status 200. */
export const health = defineRoute({
  ...endpoints.health,
  ...route,
  tag: 'Service',
  summary: 'Summary of the service and its database',
  request: {},
  responses: { 200: { description: 'The summary.', body: Health } },
  errors: ['malformed_request'],
})

/** Returns whether the process is alive. */
export const live = defineRoute({
  ...endpoints.live,
  ...route,
  tag: 'Service',
  summary: 'Whether the process is alive',
  request: {},
  responses: { 200: { description: 'The process is alive.', body: Liveness } },
  errors: ['malformed_request'],
})

/** Returns whether the service accepts requests. */
export const ready = defineRoute({
  ...endpoints.ready,
  ...route,
  tag: 'Service',
  summary: 'Whether the service accepts requests',
  request: {},
  responses: {
    200: { description: 'The service accepts requests.', body: Readiness },
    503: { description: 'The service is stopping, or its database does not respond.', body: Readiness },
  },
  errors: ['malformed_request'],
})

/** Returns the metrics of the service. */
export const metrics = defineRoute({
  ...endpoints.metrics,
  ...route,
  movedBy: 'METRICS_PORT',
  tag: 'Service',
  summary: 'Metrics in the text format of Prometheus',
  request: {},
  responses: { 200: { description: 'The metrics.', contentType: 'text/plain; version=0.0.4; charset=utf-8' } },
  errors: ['malformed_request'],
})

/** Returns the landing page, for people and programs that know only the address. */
export const landing = defineRoute({
  ...endpoints.landing,
  ...route,
  tag: 'Documentation',
  summary: 'Landing page',
  description: 'A page for browsers. If `Accept` does not contain `text/html`, the response has its links as JSON.',
  request: { headers: z.object({ accept: z.string().optional() }) },
  responses: {
    200: {
      description: 'The page, or its links.',
      contentType: 'text/html; charset=utf-8',
      headers: z.object({ vary: z.string().meta({ description: '`Accept`' }) }),
    },
  },
  errors: ['malformed_request'],
})

/** Returns the OpenAPI 3.1 document of this API. */
export const openapi = defineRoute({
  ...endpoints.openapi,
  ...route,
  tag: 'Documentation',
  summary: 'This API as an OpenAPI 3.1 document',
  request: {},
  responses: { 200: { description: 'The document.', body: z.record(z.string(), z.unknown()) } },
  errors: ['malformed_request'],
})

/** Returns the interactive reference of the API. */
export const docs = defineRoute({
  ...endpoints.docs,
  ...route,
  tag: 'Documentation',
  summary: 'Interactive reference',
  request: {},
  responses: { 200: { description: 'A page.', contentType: 'text/html; charset=utf-8' } },
  errors: ['malformed_request'],
})

/** Returns a script, style or icon of the reference. */
export const docsAsset = defineRoute({
  ...endpoints.docsAsset,
  ...route,
  tag: 'Documentation',
  summary: 'A file of the interactive reference',
  request: {
    params: z.object({
      file: z
        .string()
        .min(1)
        .meta({ examples: ['swagger-ui.css'] }),
    }),
  },
  responses: { 200: { description: 'The file.', contentType: 'application/octet-stream' } },
  errors: ['malformed_request', 'validation_failed', 'route_not_found'],
})

/** Returns a page with all error codes. */
export const problems = defineRoute({
  ...endpoints.problems,
  ...route,
  tag: 'Documentation',
  summary: 'All error codes',
  request: {},
  responses: { 200: { description: 'A page.', contentType: 'text/html; charset=utf-8' } },
  errors: ['malformed_request'],
})

/** Returns a page that explains an error code. */
export const problem = defineRoute({
  ...endpoints.problem,
  ...route,
  tag: 'Documentation',
  summary: 'Explanation of an error code',
  request: {
    params: z.object({
      code: z
        .string()
        .min(1)
        .meta({ examples: ['item_exists'] }),
    }),
  },
  responses: { 200: { description: 'A page.', contentType: 'text/html; charset=utf-8' } },
  errors: ['malformed_request', 'validation_failed', 'route_not_found'],
})
