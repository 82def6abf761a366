import { pageHeaders, securityHeaders } from '@holdfast/server-kit'
import type { RequestState } from './request-context.js'

/** Headers that every answer starts with. */
export const baseHeaders = (requestId: string): Record<string, string> => ({
  ...securityHeaders,
  'cache-control': 'no-store',
  'x-request-id': requestId,
})

/** The only place where a response is made, from a plain object of headers, which is sent fastest. Headers that are undefined are left out. */
export const answer = (
  state: RequestState,
  status: number,
  body: string | Uint8Array<ArrayBuffer> | null,
  headers: Readonly<Record<string, unknown>> = {},
): Response => {
  const all = state.headers
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) all[name] = String(value)
  }
  if (all['content-type']?.startsWith('text/html')) Object.assign(all, pageHeaders)
  // Callers should come back on a new connection, which finds another service; those too whose request came before the stop began.
  if (state.stopping()) all.connection = 'close'
  return new Response(body, { status, headers: all })
}
