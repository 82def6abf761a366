import { openapiDocument, referenceFile, referencePage } from '@holdfast/server-kit'
import { ApiError } from '../http/api-error.js'
import type { EnabledRoute } from '../http/enabled-routes.js'
import type { Handlers } from '../http/mount.js'
import { JsonText } from '../lib/json-text.js'

const description =
  'A durable key-value API on PostgreSQL. Every acknowledged write is on disk, every read is current, and no expired value is served. Each path takes one optional trailing slash.'

/** Creates the handlers of the OpenAPI document and of the interactive reference. */
export const docsHandlers = (version: string, served: readonly EnabledRoute[]): Pick<Handlers, 'docs' | 'docsAsset' | 'openapi'> => {
  const document = openapiDocument(
    { title: 'Holdfast', version, description },
    served.map(({ operationId, route }) => ({ id: operationId, route })),
  )
  // Serialized once, because it is large and its route has no rate limit.
  const text = new JsonText(JSON.stringify(document))
  const page = referencePage('Holdfast API')
  return {
    openapi: async () => ({ status: 200, body: text as unknown as typeof document }),
    docs: async () => ({ status: 200, body: page }),
    docsAsset: async (_context, { params }) => {
      const file = await referenceFile(params.file)
      if (file === undefined) throw new ApiError('route_not_found', 'The reference has no such file.')
      return { status: 200, ...file }
    },
  }
}
