import type { HttpContext } from './context.js'

/** Pages may load our own scripts and styles only, and nobody may frame them. swagger-ui sets inline styles and data: images. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const securityHeaders = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** Headers that every answer starts with. */
export const baseHeaders = (requestId: string): Record<string, string> => ({
  ...securityHeaders,
  'cache-control': 'no-store',
  'x-request-id': requestId,
})

/** The only place where a response is made. Headers that are undefined are left out. */
export const answer = (
  context: HttpContext,
  status: number,
  body: string | Uint8Array<ArrayBuffer> | null,
  headers: Readonly<Record<string, unknown>> = {},
): Response => {
  const all: Record<string, string> = { ...context.var.state.headers }
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) all[name] = String(value)
  if (all['content-type']?.startsWith('text/html')) all['content-security-policy'] = pagePolicy
  return new Response(body, { status, headers: all })
}
