import type { RouteContract } from '@holdfast/contracts'
import { pageHeaders } from '@holdfast/server-kit'
import type { StatusCode } from 'hono/utils/http-status'
import { stringifyJson } from '../lib/json-text.js'
import type { HttpContext } from './hono-env.js'

/** A response of any handler. */
export interface HandlerResponse {
  readonly status: number
  readonly body?: unknown
  readonly contentType?: string
  /** Headers that are undefined are left out. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined
}

const setHeaders = (c: HttpContext, headers: Readonly<Record<string, unknown>>): void => {
  for (const name in headers) if (headers[name] !== undefined) c.header(name, String(headers[name]))
}

/** Sends the response of a handler as its contract describes it. Not by `c.json`, which would parse and rewrite stored values. */
export const respond = (c: HttpContext, route: RouteContract, { status, body, contentType, headers = {} }: HandlerResponse): Response => {
  const contract = route.responses[status]
  const code = status as StatusCode
  if (contract?.contentType !== undefined) {
    const type = contentType ?? contract.contentType
    setHeaders(c, { 'cache-control': 'no-cache', ...headers, 'content-type': type, ...(type.startsWith('text/html') ? pageHeaders : {}) })
    return c.newResponse(body as string, code)
  }
  setHeaders(c, headers)
  if (contract?.body === undefined) return c.newResponse(null, code)
  return c.newResponse(stringifyJson(body), code, { 'content-type': 'application/json' })
}
