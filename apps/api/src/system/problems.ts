import { type ErrorCode, type ErrorDefinition, errors } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { Handlers } from '../http/handler.js'
import { escapeHtml, page } from '../http/html.js'

const problemPage = (code: ErrorCode): string => {
  const { status, title, help, retryable }: ErrorDefinition = errors[code]
  const advice = retryable ? 'A retry may succeed.' : 'A retry of the same request does not help by itself.'
  return page(
    code,
    `<h1><code>${code}</code></h1><p><strong>${escapeHtml(title)}</strong> (HTTP ${status})</p><p>${escapeHtml(help)}</p><p>${advice}</p><p><a href="/problems">All problem codes</a> · <a href="/docs">API reference</a></p>`,
  )
}

const isCode = (text: string): text is ErrorCode => Object.hasOwn(errors, text)

const indexPage = (): string => {
  const rows = Object.entries(errors).map(
    ([code, { status, title }]) => `<dt><a href="/problems/${code}"><code>${code}</code></a> ${status}</dt><dd>${escapeHtml(title)}.</dd>`,
  )
  return page(
    'Problem codes',
    `<h1>Problem codes</h1><p>Every error response of this service is an RFC 9457 problem with one of these codes.</p><dl>${rows.join('')}</dl>`,
  )
}

/** Creates the handlers of the problem pages, to which the `type` of an error response refers. */
export const problemHandlers = (): Pick<Handlers, 'problem' | 'problems'> => ({
  problems: async () => ({ status: 200, body: indexPage() }),
  problem: async (_context, { params: { code } }) => {
    if (!isCode(code)) throw new ApiError('route_not_found', 'No problem has this code.')
    return { status: 200, body: problemPage(code) }
  },
})
