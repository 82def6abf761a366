import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { keyInQueryTag, namespacedTag } from '@holdfast/contracts'

const swaggerFolder = () => dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))

/** The script that starts the reference. It is a separate file because the page's policy forbids inline scripts. */
const startScript = `const reference = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
  // Collapse the groups that repeat routes of other groups.
  onComplete: () => {
    if (location.hash !== '') return
    for (const tag of ${JSON.stringify([keyInQueryTag, namespacedTag])}) reference.layoutActions.show(['operations-tag', tag], false)
  },
})
`

/** Returns the page at `/docs`: an interactive reference of `/openapi.json`. */
export const referencePage = (title: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<link rel="icon" href="/docs/favicon-32x32.png"><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="reference"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
`

const contentTypes: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
  'start.js': 'text/javascript; charset=utf-8',
}

/** Cached files. They are large, and requests for them are not rate-limited. */
const files = new Map<string, Promise<Uint8Array<ArrayBuffer>>>()

const fileBytes = (file: string): Promise<Uint8Array<ArrayBuffer>> => {
  const bytes = files.get(file) ?? readFile(join(swaggerFolder(), file)).then((content) => new Uint8Array(content))
  files.set(file, bytes)
  return bytes
}

/**
 * Returns a file that the page loads from `/docs/{file}`, or undefined if it loads no file with this name. The page needs no internet
 * connection.
 */
export const referenceFile = async (
  file: string,
): Promise<{ readonly body: string | Uint8Array<ArrayBuffer>; readonly contentType: string } | undefined> => {
  const contentType = Object.hasOwn(contentTypes, file) ? contentTypes[file] : undefined
  if (contentType === undefined) return undefined
  return { contentType, body: file === 'start.js' ? startScript : await fileBytes(file) }
}
