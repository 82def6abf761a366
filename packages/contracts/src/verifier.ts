import { z } from 'zod'
import { Timestamp } from './primitives.js'
import { defineRoute, type RouteContract } from './route.js'

/** The tests of the verifier, in the order in which they run. */
export const workflows = ['deletion', 'overwrite', 'expiry', 'conditional', 'pagination', 'unicode', 'concurrency'] as const
export type Workflow = (typeof workflows)[number]

/** One step of a test. */
export const TestStep = z
  .object({
    name: z.string(),
    passed: z.boolean(),
    expected: z.unknown().optional().meta({ description: 'The expected result, if the step failed.' }),
    seen: z.unknown().optional().meta({ description: 'The actual result, if the step failed.' }),
  })
  .meta({ id: 'TestStep' })
export type TestStep = z.output<typeof TestStep>

const Unreachable = z
  .object({ code: z.string(), message: z.string() })
  .meta({ id: 'Unreachable', description: 'The reason why the API could not be reached.' })

/** The result of a test. */
export const TestReport = z
  .object({
    success: z.boolean(),
    test_name: z.string().meta({ examples: ['test_deletion'] }),
    details: z.object({
      steps_executed: z.int(),
      all_assertions_passed: z.boolean(),
      duration_ms: z.int(),
      steps: z.array(TestStep),
      error: Unreachable.optional(),
    }),
  })
  .meta({ id: 'TestReport' })
export type TestReport = z.output<typeof TestReport>

/** The results of all tests. */
export const AllTestsReport = z
  .object({
    success: z.boolean(),
    test_name: z.literal('test_all'),
    details: z.object({
      steps_executed: z.int(),
      all_assertions_passed: z.boolean(),
      duration_ms: z.int(),
      tests: z.array(TestReport),
      error: Unreachable.optional(),
    }),
  })
  .meta({ id: 'AllTestsReport' })
export type AllTestsReport = z.output<typeof AllTestsReport>

/** Whether the API can be reached, and the results of the last runs. */
export const TestStatus = z
  .object({
    api: z.object({
      url: z.string(),
      reachable: z.boolean(),
      since: Timestamp.meta({ description: 'The time at which the verifier first observed this state.' }),
      error: Unreachable.optional(),
    }),
    last_results: z.record(
      z.string(),
      z.object({ success: z.boolean(), finished_at: Timestamp, steps_executed: z.int(), duration_ms: z.int() }),
    ),
  })
  .meta({ id: 'TestStatus' })
export type TestStatus = z.output<typeof TestStatus>

const tests = { tag: 'Tests', limited: false, safe: false, method: 'post' } as const
const service = { tag: 'Service', limited: false, safe: true, method: 'get', request: {}, errors: [] } as const
const unreachable = 'The API could not be reached, or stopped responding during the run.'

/** Every route of the verifier by its operation id. */
export const verifierRoutes = {
  runAllTests: defineRoute({
    ...tests,
    path: '/test/all',
    summary: 'Run every test, one after another',
    request: {},
    responses: {
      200: { description: 'The run completed.', body: AllTestsReport },
      502: { description: unreachable, body: AllTestsReport },
    },
    errors: ['overloaded'],
  }),
  runTest: defineRoute({
    ...tests,
    path: '/test/{workflow}',
    summary: 'Run one test',
    description: 'Writes items under `verifier/`, deletes them at the end, and gives them an expiry.',
    request: { params: z.object({ workflow: z.enum(workflows) }) },
    responses: { 200: { description: 'The run completed.', body: TestReport }, 502: { description: unreachable, body: TestReport } },
    errors: ['route_not_found', 'overloaded'],
  }),
  testStatus: defineRoute({
    ...service,
    tag: 'Tests',
    path: '/test/status',
    summary: 'Whether the API can be reached, and the results of the last runs',
    responses: { 200: { description: 'The state.', body: TestStatus } },
  }),
  health: defineRoute({
    ...service,
    path: '/health',
    summary: 'Whether the verifier itself is alive',
    responses: { 200: { description: 'The verifier is alive.', body: z.object({ status: z.literal('ok'), version: z.string() }) } },
  }),
  openapi: defineRoute({
    ...service,
    path: '/openapi.json',
    summary: 'These routes as an OpenAPI 3.1 document',
    responses: { 200: { description: 'The document.', body: z.record(z.string(), z.unknown()) } },
  }),
  docs: defineRoute({
    ...service,
    path: '/docs',
    summary: 'Interactive reference',
    responses: { 200: { description: 'A page.', contentType: 'text/html; charset=utf-8' } },
  }),
  docsAsset: defineRoute({
    ...service,
    path: '/docs/{file}',
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
    errors: ['route_not_found'],
  }),
} as const satisfies Record<string, RouteContract>

export type VerifierRoutes = typeof verifierRoutes
/** Operation id of a route of the verifier, such as `runTest`. */
export type VerifierRouteId = keyof VerifierRoutes
