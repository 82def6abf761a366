import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { RouteContract } from '@holdfast/contracts'
import { ApiError } from './api-error.js'

/** Cross-origin access for browsers (Fetch standard, section 3.3), for a service whose callers have API keys. */
export interface Cors {
  /** Adds the headers that let a page of a listed origin read the response, even if the response is an error. */
  readonly addHeaders: (headers: IncomingHttpHeaders, response: Record<string, string>) => void
  /**
   * Returns the headers of the response to a preflight.
   * @throws ApiError forbidden if the origin is not listed
   */
  readonly preflightHeaders: (headers: IncomingHttpHeaders) => Record<string, string>
}

/** How long a browser may cache a preflight response, in seconds. Chromium allows no more. */
const preflightMaxAge = 7_200

/** Request headers that apply to every route and are in no contract. */
const commonRequestHeaders = ['authorization', 'content-type', 'x-request-id', 'traceparent', 'tracestate']

/** Response headers that are in no contract. The safelisted ones need not be exposed. */
const commonResponseHeaders = ['allow', 'ratelimit', 'ratelimit-policy', 'retry-after', 'www-authenticate', 'x-request-id']

const properNames: Readonly<Record<string, string>> = { etag: 'ETag', ratelimit: 'RateLimit', www: 'WWW' }

/** Returns the name of a header with the capital letters of its specification. */
const properName = (name: string): string =>
  name
    .split('-')
    .map((word) => properNames[word] ?? word.charAt(0).toUpperCase() + word.slice(1))
    .join('-')

const headerList = (names: Iterable<string>): string => [...new Set(names)].map(properName).sort().join(', ')

/** Returns whether a request is a CORS preflight. */
export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined

/**
 * Creates the rules for CORS.
 * @param origins the origins whose pages may call the service, such as `https://app.example.com`, in lower case
 */
export const createCors = (origins: ReadonlySet<string>, routes: readonly RouteContract[]): Cors => {
  const allowed = {
    'access-control-allow-methods': [...new Set(routes.map(({ method }) => method.toUpperCase()))].sort().join(', '),
    'access-control-allow-headers': headerList([
      ...commonRequestHeaders,
      ...routes.flatMap(({ request }) => Object.keys(request.headers?.shape ?? {})),
    ]),
    'access-control-max-age': String(preflightMaxAge),
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network',
  }
  const exposed = headerList([
    ...commonResponseHeaders,
    ...routes.flatMap(({ responses }) => Object.values(responses).flatMap(({ headers }) => Object.keys(headers?.shape ?? {}))),
  ])
  const isListed = (origin: string | undefined): origin is string => origin !== undefined && origins.has(origin.toLowerCase())

  return {
    addHeaders: ({ origin }, response) => {
      if (origins.size > 0) response.vary = 'Origin'
      if (!isListed(origin)) return
      response['access-control-allow-origin'] = origin
      response['access-control-expose-headers'] = exposed
    },
    preflightHeaders: ({ origin, ...headers }) => {
      if (!isListed(origin)) {
        throw new ApiError(
          'forbidden',
          `Pages of the origin ${origin} may not call this service. The operator can add the origin to CORS_ORIGINS.`,
        )
      }
      const isPrivate = headers['access-control-request-private-network'] === 'true'
      return { ...allowed, ...(isPrivate ? { 'access-control-allow-private-network': 'true' } : {}) }
    },
  }
}
