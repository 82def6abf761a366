import type { Server } from 'node:http'
import { endpoints, routes } from '@holdfast/contracts'
import { createBoundedServer, type Logger, peerLimits, securityHeaders } from '@holdfast/server-kit'

const textHeaders = { ...securityHeaders, 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
const metricsHeaders = { ...textHeaders, 'content-type': routes.metrics.responses[200].contentType }

/** A server of nothing but the metrics, for a port that the API's callers do not reach; not listening yet. */
export const createMetricsServer = (metricsText: () => Promise<string>, logger: Logger): Server =>
  createBoundedServer(peerLimits, async ({ method, url = '' }, response) => {
    const answer = (status: number, headers: Record<string, string>, body: string) =>
      response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
    if (url.split('?', 1)[0]?.replace(/(?<=.)\/$/, '') !== endpoints.metrics.path)
      return answer(404, textHeaders, 'metrics are at /metrics\n')
    if (method !== 'GET' && method !== 'HEAD') return answer(405, { ...textHeaders, allow: 'GET, HEAD' }, 'only GET and HEAD\n')
    try {
      return answer(200, metricsHeaders, await metricsText())
    } catch (error) {
      logger.error({ err: error }, 'the metrics cannot be shown')
      return answer(500, textHeaders, 'the log has the cause\n')
    }
  })
