import type { IncomingHttpHeaders } from 'node:http'
import type { RouteContract } from '@holdfast/contracts'
import { invalidAt } from './api-error.js'

/** Every header field that makes a request conditional (RFC 9110 section 13.1). */
const conditions = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'] as const

/** Those that forbid the method when they do not hold. On GET and HEAD the others only spare a transfer, so a full response is always right. */
const preconditions: readonly string[] = ['if-match', 'if-unmodified-since']

/**
 * Makes the check that rejects conditions which a route does not honour, because ignoring one would do what the caller forbade. A route
 * honours the conditions that its contract declares.
 * @throws ApiError validation_failed
 */
export const conditionCheck = ({ method, request }: RouteContract): ((headers: IncomingHttpHeaders) => void) => {
  const declared = Object.keys(request.headers?.shape ?? {})
  const isRead = method === 'get' || method === 'head'
  const rejected = conditions.filter((name) => !declared.includes(name) && (!isRead || preconditions.includes(name)))
  const honoured = conditions.filter((name) => declared.includes(name))
  const message = `is not supported on this route, which honours ${honoured.length === 0 ? 'no conditions' : honoured.join(' and ')}; remove it`
  return (headers) => {
    if (rejected.every((name) => headers[name] === undefined)) return
    const given = rejected.filter((name) => headers[name] !== undefined)
    throw invalidAt(
      given.map((name) => `headers.${name}`),
      message,
    )
  }
}
