import { routes } from '@holdfast/contracts'
import type { Logger } from '@holdfast/service'
import type { RequestState } from './request-state.js'

/** From here on a request is slow: somebody will want to know which one it was. */
const slowMs = 1_000

export type RequestLog = (method: string, status: number, durationMs: number, state: RequestState) => void

/**
 * Logs answered requests: at `info` those that failed on our side or were slow, at `debug` all of them. A line for each
 * request takes a seventh of the throughput of reads. Paths, queries and bodies are left out: keys and values may be secrets.
 */
export const createRequestLog = (logger: Logger): RequestLog => {
  const everything = logger.isLevelEnabled('debug')
  return (method, status, durationMs, state) => {
    const notable = status >= 500 || durationMs >= slowMs
    if (!notable && !everything) return
    logger[notable ? 'info' : 'debug']({
      method,
      route: state.route === undefined ? null : routes[state.route].path,
      status,
      duration_ms: Math.round(durationMs * 1000) / 1000,
      request_id: state.id,
      client: state.client,
    })
  }
}
