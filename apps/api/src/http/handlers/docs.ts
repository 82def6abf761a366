import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Refusal } from '../../refusal.js'
import type { Handlers } from '../mount.js'
import { openapiDocument } from '../openapi.js'
import type { ServedRoute } from '../served-routes.js'

const swaggerFolder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))

/** Starts the reference; a file of its own because the page's policy runs no inline scripts. */
const startScript = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, tryItOutEnabled: true, displayRequestDuration: true, validatorUrl: null })
`

const referencePage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Holdfast API</title>
<link rel="icon" href="/docs/favicon-32x32.png"><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="reference"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
`

const assets: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
  'start.js': 'text/javascript; charset=utf-8',
}

/** The interactive reference, with all that it loads, so that it works where there is no internet. */
export const docsHandlers = (version: string, served: readonly ServedRoute[]): Pick<Handlers, 'docs' | 'docsAsset' | 'openapi'> => {
  const document = openapiDocument(version, served)
  return {
    openapi: async () => ({ status: 200, body: document }),
    docs: async () => ({ status: 200, body: referencePage }),
    docsAsset: async ({ params: { file } }) => {
      const contentType = Object.hasOwn(assets, file) ? assets[file] : undefined
      if (contentType === undefined) throw new Refusal('route_not_found', 'the reference has no such file')
      const body = file === 'start.js' ? startScript : new Uint8Array(await readFile(join(swaggerFolder, file)))
      return { status: 200, body, contentType }
    },
  }
}
