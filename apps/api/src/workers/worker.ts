import cluster from 'node:cluster'
import { createLogger, endOnFault, flushLogger, type Running } from '@holdfast/server-kit'
import { serve } from '../bootstrap.js'
import type { Config } from '../config.js'
import type { Metrics } from '../metrics/metrics.js'
import type { ToPrimary, ToWorker, WorkerMetrics } from './messages.js'
import { createRequestPrimary } from './primary-requests.js'
import { createSharedLimiter } from './shared-limiter.js'

/** Runs this process as a worker: it starts and stops when the primary says so, and ends with the primary. */
export const runWorker = (config: Config): void => {
  const logger = createLogger(config.LOG_LEVEL, config.LOG_FORMAT).child({ worker: cluster.worker?.id })
  const requestPrimary = createRequestPrimary()
  let metrics: Metrics | undefined
  const sharedParts = {
    createLimiter: createSharedLimiter(requestPrimary),
    metricsText: (own: Metrics) => {
      metrics = own
      return () => requestPrimary('metrics', null)
    },
  }
  let service: Promise<Running> | undefined

  const exit = async (status: number): Promise<void> => {
    await flushLogger(logger)
    process.exit(status)
  }
  const start = async ({ database, port, metricsPort }: Extract<ToWorker, { kind: 'start' }>): Promise<void> => {
    try {
      service = serve(database, { ...config, PORT: port, METRICS_PORT: metricsPort }, logger, sharedParts)
      await service
      process.send?.({ kind: 'listening' } satisfies ToPrimary)
      logger.debug({ pid: process.pid }, 'worker started')
    } catch (error) {
      logger.fatal({ err: error }, 'the worker could not start')
      await exit(1)
    }
  }
  const stop = async (lameDuckMs: number): Promise<void> => {
    try {
      await (await service)?.stop(lameDuckMs)
      await exit(0)
    } catch (error) {
      logger.fatal({ err: error }, 'the worker could not stop gracefully')
      await exit(1)
    }
  }

  const sendMetrics = async (id: number): Promise<void> => {
    const own = (await metrics?.registry().getMetricsAsJSON()) ?? []
    process.send?.({ kind: 'metrics', id, metrics: own as WorkerMetrics } satisfies ToPrimary)
  }

  endOnFault(logger)
  // A terminal sends its signals to all processes of the service. A worker ignores them, because the primary tells it when to stop.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
  process.on('message', (message: ToWorker) => {
    if (message.kind === 'start') start(message)
    if (message.kind === 'stop') stop(message.lameDuckMs)
    if (message.kind === 'collect_metrics') sendMetrics(message.id)
  })
}
