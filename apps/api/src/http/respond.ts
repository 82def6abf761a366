import type { RouteContract } from '@holdfast/contracts'
import { pageHeaders } from '@holdfast/server-kit'
import { stringifyJson } from '../lib/json-text.js'
import type { HandlerResponse } from './handler.js'
import type { HttpContext } from './hono-env.js'
import { respondWithEvents } from './respond-with-events.js'

/** Adds headers to a response, except those that are undefined. */
export const addHeaders = (all: Record<string, string>, headers: Readonly<Record<string, unknown>> = {}): void => {
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) all[name] = String(value)
  }
}

/** Creates a response. Its headers are those of the request's context and `headers`, except undefined ones. */
export const respond = (
  c: HttpContext,
  status: number,
  body: string | Uint8Array<ArrayBuffer> | null,
  headers: Readonly<Record<string, unknown>> = {},
): Response => {
  const all = c.get('request').headers
  addHeaders(all, headers)
  return new Response(body, { status, headers: all })
}

/** Converts the response of a handler as its contract declares. Does not use `c.json`, which cannot include the text of stored values. */
export const respondAsDeclared = (c: HttpContext, route: RouteContract, response: HandlerResponse): Response => {
  const { status, body, contentType, headers = {}, stream } = response
  const contract = route.responses[status]
  if (stream !== undefined) return respondWithEvents(c, status, stream)
  if (contract?.contentType !== undefined) {
    const type = contentType ?? contract.contentType
    const ofPage = type.startsWith('text/html') ? pageHeaders : {}
    return respond(c, status, body as string, { 'cache-control': 'no-cache', ...headers, 'content-type': type, ...ofPage })
  }
  if (contract?.body === undefined) return respond(c, status, null, headers)
  c.get('request').headers['content-type'] = 'application/json'
  return respond(c, status, stringifyJson(body), headers)
}
