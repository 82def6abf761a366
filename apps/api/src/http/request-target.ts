import type { IncomingMessage } from 'node:http'
import { invalid, invalidAt } from './api-error.js'

const originForm = (url: string): string => {
  const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '')
  const fragment = target.indexOf('#')
  return fragment === -1 ? target : target.slice(0, fragment)
}

/**
 * The target of a request as it came over the wire, in origin form (RFC 9112 section 3.2). `Request.url` will not do:
 * it has dot segments folded away.
 */
export const requestTarget = (incoming: IncomingMessage): { path: string; query: string } => {
  const target = originForm(incoming.url ?? '/')
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  return { path: path === '' ? '/' : path, query: mark === -1 ? '' : target.slice(mark + 1) }
}

/** The path that routes are matched with: still percent-encoded, less one trailing slash. */
export const routingPath = (incoming: IncomingMessage): string => {
  const { path } = requestTarget(incoming)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** Decodes percent-encoding strictly: a bad escape or bytes that are not UTF-8 are refused, never passed through. */
const decode = (text: string, part: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(part, 'has a percent-encoding that is not UTF-8')
  }
}

const noParameters = Object.freeze({})

/**
 * The parameters of a query string, each once.
 * @throws ApiError validation_failed
 */
export const parseQuery = (query: string): Readonly<Record<string, string>> => {
  if (query === '') return noParameters
  const parameters: Record<string, string> = Object.create(null)
  const repeated = new Set<string>()
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const mark = pair.indexOf('=')
    const text = (encoded: string) => decode(encoded.replaceAll('+', ' '), 'query')
    const name = text(mark === -1 ? pair : pair.slice(0, mark))
    if (name in parameters) repeated.add(name)
    parameters[name] = mark === -1 ? '' : text(pair.slice(mark + 1))
  }
  if (repeated.size > 0) {
    throw invalidAt(
      [...repeated].map((name) => `query.${name}`),
      'is given more than once',
    )
  }
  return parameters
}

/** @throws ApiError validation_failed where the path cannot be decoded */
export const checkPath = (path: string): void => {
  if (path.includes('%')) decode(path, 'path')
}
