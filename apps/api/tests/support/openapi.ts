import { openapiDocument, openapiRoute } from '@holdfast/server-kit'
import { OpenAPIHono } from '@hono/zod-openapi'
import { enabledRoutes } from '../../src/http/enabled-routes.js'
import { apiInfo } from '../../src/system/docs.js'

/** Returns the OpenAPI document of a service with these settings. */
export const openapiOf = (settings: Parameters<typeof enabledRoutes>[0]): Record<string, unknown> => {
  const app = new OpenAPIHono()
  for (const { operationId, route } of enabledRoutes(settings)) app.openAPIRegistry.registerPath(openapiRoute(operationId, route))
  return JSON.parse(JSON.stringify(openapiDocument(app, apiInfo('0.1.0'))))
}
