import type { IncomingMessage } from 'node:http'
import { invalid, invalidAt } from './api-error.js'

const originForm = (url: string): string => {
  const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '')
  const fragment = target.indexOf('#')
  return fragment === -1 ? target : target.slice(0, fragment)
}

/**
 * Returns the target of a request as it was sent, in origin form (RFC 9112 section 3.2). Does not use `Request.url`, because that removes
 * dot segments.
 */
export const requestTarget = (incoming: IncomingMessage): { path: string; query: string } => {
  const target = originForm(incoming.url ?? '/')
  const queryMark = target.indexOf('?')
  const path = queryMark === -1 ? target : target.slice(0, queryMark)
  return { path: path === '' ? '/' : path, query: queryMark === -1 ? '' : target.slice(queryMark + 1) }
}

/** Returns the path for route matching: percent-encoded, without one trailing slash. */
export const routingPath = (incoming: IncomingMessage): string => {
  const { path } = requestTarget(incoming)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** Decodes percent-encoding. Rejects invalid escapes and bytes that are not UTF-8. */
const decode = (text: string, part: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(part, 'must be percent-encoded UTF-8')
  }
}

const noParameters = Object.freeze({})

type Parameters<Value> = Readonly<Record<string, Value>>

/**
 * Parses a query string. Rejects repeated parameters, except those that are `repeatable`: they become arrays if they are repeated.
 * @throws ApiError validation_failed
 */
export function parseQuery(query: string): Parameters<string>
export function parseQuery(query: string, repeatable: readonly string[]): Parameters<string | string[]>
export function parseQuery(query: string, repeatable: readonly string[] = []): Parameters<string | string[]> {
  if (query === '') return noParameters
  const parameters: Record<string, string | string[]> = Object.create(null)
  const repeated = new Set<string>()
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const text = (encoded: string) => decode(encoded.replaceAll('+', ' '), 'query')
    const name = text(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : text(pair.slice(equals + 1))
    const earlier = parameters[name]
    if (earlier !== undefined && repeatable.includes(name)) {
      parameters[name] = [earlier, value].flat()
      continue
    }
    if (earlier !== undefined) repeated.add(name)
    parameters[name] = value
  }
  if (repeated.size > 0) {
    throw invalidAt(
      [...repeated].map((name) => `query.${name}`),
      'is given more than once',
    )
  }
  return parameters
}

/**
 * Checks that a path can be decoded.
 * @throws ApiError validation_failed
 */
export const checkPath = (path: string): void => {
  if (path.includes('%')) decode(path, 'path')
}
