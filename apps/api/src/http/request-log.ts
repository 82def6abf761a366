import type { IncomingMessage } from 'node:http'
import { routes } from '@holdfast/contracts'
import type { LogFormat, Logger } from '@holdfast/server-kit'
import type { RequestState } from './request-context.js'
import { requestTarget } from './request-target.js'

/** From here on a request is slow: somebody will want to know which one it was. */
const slowMs = 1_000

export type RequestLog = (incoming: IncomingMessage, status: number, durationMs: number, state: RequestState) => void

/** Statuses of requests that say nothing against the request: the item is not as it was expected to be, or the client is too fast. */
const ordinary = new Set([409, 412, 429])

/** Whether a request is logged at `info`, as one that failed, was wrong or was slow. */
const isNotable = (status: number, durationMs: number, { route }: RequestState): boolean => {
  if (status >= 500 || durationMs >= slowMs) return true
  // 404 on a route is a read of an item that is not there.
  return status >= 400 && !ordinary.has(status) && (status !== 404 || route === undefined)
}

/** The path as it was sent, cut after 200 characters. */
const shortPath = (incoming: IncomingMessage): string => {
  const { path } = requestTarget(incoming)
  return path.length > 200 ? `${path.slice(0, 200)}…` : path
}

/**
 * Logs requests with their responses. As JSON: notable requests at `info` and all others at `debug`, because a line for each
 * takes a seventh of the throughput of reads; without paths, as keys may be secrets. As text, for a person at a terminal: all at
 * `info` and with their paths. Never with queries or bodies, which hold values.
 */
export const createRequestLog = (logger: Logger, format: LogFormat): RequestLog => {
  const isText = format === 'text'
  const everything = logger.isLevelEnabled(isText ? 'info' : 'debug')
  return (incoming, status, durationMs, state) => {
    const notable = isText || isNotable(status, durationMs, state)
    if (!notable && !everything) return
    logger[notable ? 'info' : 'debug']({
      method: incoming.method,
      ...(isText ? { path: shortPath(incoming) } : { route: state.route === undefined ? null : routes[state.route].path }),
      status,
      duration_ms: Math.round(durationMs * 1000) / 1000,
      request_id: state.id,
      client: state.client ?? incoming.socket.remoteAddress,
    })
  }
}
