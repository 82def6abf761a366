import { pagePolicy, securityHeaders } from '@holdfast/service'
import type { HttpContext } from './context.js'

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
