import { referenceFile, referencePage } from '@holdfast/server-kit'
import { ApiError } from '../http/api-error.js'
import type { Handlers } from '../http/handler.js'
import { JsonText } from '../lib/json-text.js'

/** Returns the head of the OpenAPI document. */
export const apiInfo = (version: string) => ({
  title: 'Holdfast',
  version,
  description:
    'A durable key-value API on PostgreSQL. Every acknowledged write is on disk, every read is current, and no expired value is served. Each path takes one optional trailing slash.',
})

/**
 * Creates the handlers of the OpenAPI document and of the interactive reference.
 * @param document creates the document once all routes are mounted
 */
export const docsHandlers = (document: () => Record<string, unknown>): Pick<Handlers, 'docs' | 'docsAsset' | 'openapi'> => {
  // Serialized once, because it is large and its route has no rate limit.
  let text: JsonText | undefined
  const page = referencePage('Holdfast API')
  return {
    openapi: async () => {
      text ??= new JsonText(JSON.stringify(document()))
      return { status: 200, body: text as unknown as Record<string, unknown> }
    },
    docs: async () => ({ status: 200, body: page }),
    docsAsset: async (_context, { params }) => {
      const file = await referenceFile(params.file)
      if (file === undefined) throw new ApiError('route_not_found', 'The reference has no such file.')
      return { status: 200, ...file }
    },
  }
}
