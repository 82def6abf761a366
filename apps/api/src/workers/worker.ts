import cluster from 'node:cluster'
import { createLogger, endOnFault, flushLogger, type Running } from '@holdfast/server-kit'
import { serve } from '../bootstrap.js'
import type { Config } from '../config.js'
import type { Metrics } from '../metrics/metrics.js'
import type { WorkerMetrics } from './collect-metrics.js'
import type { ToPrimary, ToWorker } from './messages.js'
import { createAskPrimary } from './request-primary.js'
import { createSharedLimiter } from './shared-limiter.js'

/** Runs this process as a worker: serves what the primary tells it to, until it says stop or is gone. */
export const runWorker = (config: Config): void => {
  const logger = createLogger(config.LOG_LEVEL, config.LOG_FORMAT).child({ worker: cluster.worker?.id })
  const ask = createAskPrimary()
  let metrics: Metrics | undefined
  const sharedParts = {
    createLimiter: createSharedLimiter(ask),
    metricsText: (own: Metrics) => {
      metrics = own
      return () => ask('metrics', null)
    },
  }
  let service: Promise<Running> | undefined

  const end = async (status: number): Promise<void> => {
    await flushLogger(logger)
    process.exit(status)
  }
  const begin = async ({ database, port, metricsPort }: Extract<ToWorker, { kind: 'serve' }>): Promise<void> => {
    try {
      service = serve(database, { ...config, PORT: port, METRICS_PORT: metricsPort }, logger, sharedParts)
      await service
      process.send?.({ kind: 'listening' } satisfies ToPrimary)
      logger.debug({ pid: process.pid }, 'serving')
    } catch (error) {
      logger.fatal({ err: error }, 'cannot serve')
      await end(1)
    }
  }
  const stop = async (lameDuckMs: number): Promise<void> => {
    try {
      await (await service)?.stop(lameDuckMs)
      await end(0)
    } catch (error) {
      logger.fatal({ err: error }, 'could not stop in order')
      await end(1)
    }
  }

  const tellMetrics = async (id: number): Promise<void> => {
    const counted = (await metrics?.registry().getMetricsAsJSON()) ?? []
    process.send?.({ kind: 'collected', id, metrics: counted as WorkerMetrics } satisfies ToPrimary)
  }

  endOnFault(logger)
  // A terminal sends its signals to all processes of the service; the primary says when it is time.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
  process.on('message', (message: ToWorker) => {
    if (message.kind === 'serve') begin(message)
    if (message.kind === 'stop') stop(message.lameDuckMs)
    if (message.kind === 'collect') tellMetrics(message.id)
  })
}
