import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { RouteContract } from '@holdfast/contracts'
import { ApiError } from './api-error.js'

/** Cross-origin access for browsers (Fetch standard, section 3.3), for a service whose callers have API keys. */
export interface Cors {
  /** Adds the headers by which a page of a listed origin may read the response, whatever it will be. */
  readonly allow: (headers: IncomingHttpHeaders, response: Record<string, string>) => void
  /**
   * The headers of the response to a preflight.
   * @throws ApiError forbidden if the origin is not listed
   */
  readonly preflight: (headers: IncomingHttpHeaders) => Record<string, string>
}

/** How long a browser may remember a preflight, in seconds: the most that Chromium honours. */
const preflightMaxAge = 7_200

/** Request headers that no contract names: they belong to every route. */
const commonRequestHeaders = ['authorization', 'content-type', 'x-request-id', 'traceparent', 'tracestate']

/** Response headers that no contract names, beside those that every page can read. */
const commonResponseHeaders = ['allow', 'ratelimit', 'ratelimit-policy', 'retry-after', 'www-authenticate', 'x-request-id']

const properNames: Readonly<Record<string, string>> = { etag: 'ETag', ratelimit: 'RateLimit', www: 'WWW' }

/** A header's name as its specification writes it. */
const properName = (name: string): string =>
  name
    .split('-')
    .map((word) => properNames[word] ?? word.charAt(0).toUpperCase() + word.slice(1))
    .join('-')

const listed = (names: Iterable<string>): string => [...new Set(names)].map(properName).sort().join(', ')

/** Whether a browser asks, before it sends a request for a page of another origin, if it may. */
export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined

/** @param origins what pages may call, such as `https://app.example.com`, in lower case; empty for none */
export const createCors = (origins: ReadonlySet<string>, routes: readonly RouteContract[]): Cors => {
  const allowed = {
    'access-control-allow-methods': [...new Set(routes.map(({ method }) => method.toUpperCase()))].sort().join(', '),
    'access-control-allow-headers': listed([
      ...commonRequestHeaders,
      ...routes.flatMap(({ request }) => Object.keys(request.headers?.shape ?? {})),
    ]),
    'access-control-max-age': String(preflightMaxAge),
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network',
  }
  const exposed = listed([
    ...commonResponseHeaders,
    ...routes.flatMap(({ responses }) => Object.values(responses).flatMap(({ headers }) => Object.keys(headers?.shape ?? {}))),
  ])
  const isListed = (origin: string | undefined): origin is string => origin !== undefined && origins.has(origin.toLowerCase())

  return {
    allow: ({ origin }, response) => {
      if (origins.size > 0) response.vary = 'Origin'
      if (!isListed(origin)) return
      response['access-control-allow-origin'] = origin
      response['access-control-expose-headers'] = exposed
    },
    preflight: (headers) => {
      if (!isListed(headers.origin)) {
        throw new ApiError(
          'forbidden',
          `Pages of the origin ${headers.origin} may not call this service. The operator can add the origin to CORS_ORIGINS.`,
        )
      }
      const isPrivate = headers['access-control-request-private-network'] === 'true'
      return { ...allowed, ...(isPrivate ? { 'access-control-allow-private-network': 'true' } : {}) }
    },
  }
}
