import type { IncomingMessage } from 'node:http'
import { routes } from '@holdfast/contracts'
import type { LogFormat, Logger } from '@holdfast/server-kit'
import type { RequestContext } from './request-context.js'
import { requestTarget } from './request-target.js'

/** Logs a request when its response is ready. */
export type RequestLog = (incoming: IncomingMessage, status: number, durationMs: number, request: RequestContext) => void

/** Requests that take longer are logged as slow. Milliseconds. */
const slowMs = 1_000

/** Client errors that are part of normal use: a condition did not hold, or the client exceeded its rate limit. */
const expectedStatuses = new Set([409, 412, 429])

/** Returns whether a request is logged at `info`: it failed, was invalid, or was slow. */
const isNotable = (status: number, durationMs: number, { route }: RequestContext): boolean => {
  if (status >= 500 || durationMs >= slowMs) return true
  // A 404 response of a route is a read of an item that does not exist.
  return status >= 400 && !expectedStatuses.has(status) && (status !== 404 || route === undefined)
}

/** Returns the path as it was sent, truncated to 200 characters. */
const shortPath = (incoming: IncomingMessage): string => {
  const { path } = requestTarget(incoming)
  return path.length > 200 ? `${path.slice(0, 200)}…` : path
}

/**
 * Logs requests with the status of their responses. In JSON, notable requests have level `info` and all others `debug`, because a line for
 * each request costs a seventh of the throughput of reads. JSON lines have no path, because keys may be secrets. In text, for a person at a
 * terminal, all requests have level `info` and a path. Queries and bodies are never logged, because they contain values.
 */
export const createRequestLog = (logger: Logger, format: LogFormat): RequestLog => {
  const isText = format === 'text'
  const logsAll = logger.isLevelEnabled(isText ? 'info' : 'debug')
  return (incoming, status, durationMs, request) => {
    const notable = isText || isNotable(status, durationMs, request)
    if (!notable && !logsAll) return
    logger[notable ? 'info' : 'debug']({
      method: incoming.method,
      ...(isText ? { path: shortPath(incoming) } : { route: request.route === undefined ? null : routes[request.route].path }),
      status,
      duration_ms: Math.round(durationMs * 1000) / 1000,
      request_id: request.id,
      client: request.client ?? incoming.socket.remoteAddress,
    })
  }
}
