import type { IncomingHttpHeaders } from 'node:http'
import type { RouteContract } from '@holdfast/contracts'
import { invalidAt } from './api-error.js'

/** All headers that make a request conditional (RFC 9110 section 13.1). */
const conditions = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'] as const

/** Conditions that prevent a read if they do not hold. The others only save a transfer, so a full response is always correct. */
const preconditions: readonly string[] = ['if-match', 'if-unmodified-since']

/**
 * Creates a check that rejects conditions that the contract of a route does not declare. Ignoring a condition could apply a request that
 * the client wanted to prevent.
 * @throws ApiError validation_failed
 */
export const conditionCheck = ({ method, request }: RouteContract): ((headers: IncomingHttpHeaders) => void) => {
  const declared = Object.keys(request.headers?.shape ?? {})
  const isRead = method === 'get' || method === 'head'
  const rejected = conditions.filter((name) => !declared.includes(name) && (!isRead || preconditions.includes(name)))
  const supported = conditions.filter((name) => declared.includes(name))
  const message = `is not supported on this route. Remove it. Supported: ${supported.length === 0 ? 'none' : supported.join(', ')}.`
  return (headers) => {
    if (rejected.every((name) => headers[name] === undefined)) return
    const given = rejected.filter((name) => headers[name] !== undefined)
    throw invalidAt(
      given.map((name) => `headers.${name}`),
      message,
    )
  }
}
