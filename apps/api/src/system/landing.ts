import { endpoints } from '@holdfast/contracts/endpoints'
import type { Handlers } from '../http/handler.js'
import { escapeHtml, page } from '../http/html.js'
import { stringifyJson } from '../lib/json-text.js'

/** The links of the landing page, with their descriptions. */
const links = {
  docs: [endpoints.docs.path, 'Interactive reference of all routes'],
  openapi: [endpoints.openapi.path, 'OpenAPI 3.1 document'],
  problems: [endpoints.problems.path, 'All problem codes, and how to handle them'],
  health: [endpoints.health.path, 'Health of the service and its database'],
} as const

const landingPage = (version: string): string => {
  const rows = Object.values(links).map(([path, text]) => `<dt><a href="${path}"><code>${path}</code></a></dt><dd>${escapeHtml(text)}</dd>`)
  return page(
    'Holdfast',
    `<h1>Holdfast</h1><p>A durable key-value API on PostgreSQL, version ${escapeHtml(version)}.</p><dl>${rows.join('')}</dl>`,
  )
}

/** Tells whether the client accepts HTML by name. Browsers do; other programs send no `Accept` or a wildcard. */
const acceptsHtml = (accept: string | undefined): boolean => accept?.toLowerCase().includes('text/html') ?? false

/** Creates the handler of `GET /`. */
export const landingHandlers = (version: string): Pick<Handlers, 'landing'> => {
  const json = stringifyJson({
    service: 'holdfast',
    version,
    ...Object.fromEntries(Object.entries(links).map(([name, [path]]) => [name, path])),
  })
  const html = landingPage(version)
  const headers = { vary: 'Accept' }
  return {
    landing: async (_context, input) =>
      acceptsHtml(input.headers?.accept)
        ? { status: 200, body: html, headers }
        : { status: 200, body: json, contentType: 'application/json', headers },
  }
}
