import type { IncomingMessage } from 'node:http'
import { defaultNamespace } from '@holdfast/contracts'

/**
 * A plain request reads an item or puts a value, and has nothing unusual in its head: `GET` or `PUT` with HTTP/1.1, a key that needs no
 * percent-encoding, no query, and only the headers of `plainHeaders`, each at most once. Every other request is not plain, including each
 * that may have to be rejected for its head.
 */
export interface PlainRequest {
  readonly isPut: boolean
  readonly namespace: string
  /** Whether the namespace is in the path. */
  readonly isNamespaced: boolean
  readonly key: string
  /** The length of the body of a PUT. */
  readonly bodyBytes: number
  /** The value of the Host header. */
  readonly host: string
  readonly idempotencyKey: string | undefined
}

/** A larger body takes the general path, which waits for room in the byte budget. */
const bodyBytesMax = 65_536

/** Names and characters that every contract accepts. Percent-encoded and longer ones may be valid too. */
const plainTarget = /^(?:\/namespaces\/([a-z0-9][a-z0-9-]{0,62}))?\/items\/([\w~!$'()*,;:@=-][\w.~!$'()*,;:@=-]{0,254})$/
/** A token or a string, without escapes. */
const plainIdempotencyKey = /^(?:[\w-]{1,255}|"[\w-]{1,255}")$/
const plainHost = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::(?:\d{1,4}|[1-5]\d{4}))?$/i
const plainLength = /^[1-9][0-9]{0,4}$/
const plainContentType = /^application\/json(?:; ?charset=utf-8)?$/i

/** Headers that do not change what a GET or a PUT does, beside those that are read below. */
const ignored = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'dnt',
  'pragma',
  'priority',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'traceparent',
  'tracestate',
  'user-agent',
])

/** Headers that the service reads from `incoming.headers`. Node keeps one of several values, or joins them. */
const readElsewhere = new Set(['authorization', 'x-request-id', 'x-forwarded-for'])

/** Returns a request as a plain one, or undefined if it is not plain. */
export const readPlainRequest = ({ method, url = '', rawHeaders, httpVersion }: IncomingMessage): PlainRequest | undefined => {
  const isPut = method === 'PUT'
  if ((!isPut && method !== 'GET') || httpVersion !== '1.1') return undefined
  const target = plainTarget.exec(url)
  if (target === null) return undefined
  let host: string | undefined
  let contentType: string | undefined
  let contentLength: string | undefined
  let idempotencyKey: string | undefined
  let authorized = false
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase()
    const value = rawHeaders[index + 1] as string
    if (name === 'host' && host === undefined && plainHost.test(value)) host = value
    else if (name === 'content-type' && contentType === undefined) contentType = value
    else if (name === 'content-length' && contentLength === undefined) contentLength = value
    else if (name === 'idempotency-key' && idempotencyKey === undefined && isPut && plainIdempotencyKey.test(value)) idempotencyKey = value
    else if (name === 'authorization' && !authorized) authorized = true
    else if (name === 'connection' && value.toLowerCase() === 'keep-alive') continue
    else if (!ignored.has(name) && (name === 'authorization' || !readElsewhere.has(name))) return undefined
  }
  if (host === undefined) return undefined
  const body = isPut
    ? contentType !== undefined && plainContentType.test(contentType) && contentLength !== undefined && plainLength.test(contentLength)
    : contentType === undefined && contentLength === undefined
  const bodyBytes = body && contentLength !== undefined ? Number(contentLength) : 0
  if (!body || bodyBytes > bodyBytesMax) return undefined
  return {
    isPut,
    namespace: target[1] ?? defaultNamespace,
    isNamespaced: target[1] !== undefined,
    key: target[2] as string,
    bodyBytes,
    host,
    idempotencyKey,
  }
}
