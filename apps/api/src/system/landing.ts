import { endpoints } from '@holdfast/contracts/endpoints'
import { escapeHtml, page } from '../http/html.js'
import type { Handlers } from '../http/mount.js'
import { stringifyJson } from '../lib/json-text.js'

/** What the landing page links to. */
const links = {
  docs: [endpoints.docs.path, 'Interactive reference of all routes'],
  openapi: [endpoints.openapi.path, 'The same as an OpenAPI 3.1 document'],
  problems: [endpoints.problems.path, 'All problem codes, and what to do about each'],
  health: [endpoints.health.path, 'Health of the service and its database'],
} as const

const landingPage = (version: string): string => {
  const rows = Object.values(links).map(([path, text]) => `<dt><a href="${path}"><code>${path}</code></a></dt><dd>${escapeHtml(text)}</dd>`)
  return page(
    'Holdfast',
    `<h1>Holdfast</h1><p>A durable key-value API on PostgreSQL, version ${escapeHtml(version)}.</p><dl>${rows.join('')}</dl>`,
  )
}

/** Whether a request comes from something that shows pages. Only a browser names HTML; `*` and `/` alone are what programs send. */
const wantsPage = (accept: string | undefined): boolean => accept?.toLowerCase().includes('text/html') ?? false

/** The page at `/`. */
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
      wantsPage(input.headers?.accept)
        ? { status: 200, body: html, headers }
        : { status: 200, body: json, contentType: 'application/json', headers },
  }
}
