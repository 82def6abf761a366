import type { Server } from 'node:http'
import { endpoints, routes } from '@holdfast/contracts'
import { createBoundedServer, type Logger, peerLimits, securityHeaders } from '@holdfast/server-kit'

const textHeaders = { ...securityHeaders, 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
const metricsHeaders = { ...textHeaders, 'content-type': routes.metrics.responses[200].contentType }

/** Creates a server for METRICS_PORT, which serves only the metrics. It does not listen yet. */
export const createMetricsServer = (metricsText: () => Promise<string>, logger: Logger): Server =>
  createBoundedServer(peerLimits, async ({ method, url = '' }, response) => {
    const respond = (status: number, headers: Record<string, string>, body: string) =>
      response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
    if (url.split('?', 1)[0]?.replace(/(?<=.)\/$/, '') !== endpoints.metrics.path)
      return respond(404, textHeaders, 'Not found. The metrics are at /metrics.\n')
    if (method !== 'GET' && method !== 'HEAD')
      return respond(405, { ...textHeaders, allow: 'GET, HEAD' }, 'Method not allowed. Allowed: GET, HEAD.\n')
    try {
      return respond(200, metricsHeaders, await metricsText())
    } catch (error) {
      logger.error({ err: error }, 'the metrics could not be collected')
      return respond(500, textHeaders, 'The metrics could not be collected. See the log of the service.\n')
    }
  })
