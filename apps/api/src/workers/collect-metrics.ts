import cluster, { type Worker } from 'node:cluster'
import { AggregatorRegistry } from 'prom-client'
import { singleFlight } from '../lib/single-flight.js'
import type { ToPrimary, ToWorker, WorkerMetrics } from './messages.js'

/** How long the primary waits for a worker. A worker that hangs is then left out, so that the others are still shown. Milliseconds. */
const responseTimeoutMs = 1_000

const requestMetrics = (worker: Worker, id: number): Promise<WorkerMetrics | undefined> =>
  new Promise((resolve) => {
    const finish = (metrics?: WorkerMetrics): void => {
      clearTimeout(timer)
      worker.off('message', onMessage)
      resolve(metrics)
    }
    const onMessage = (message: ToPrimary): void => {
      if (message.kind === 'metrics' && message.id === id) finish(message.metrics)
    }
    const timer = setTimeout(finish, responseTimeoutMs)
    worker.on('message', onMessage)
    worker.send({ kind: 'collect_metrics', id } satisfies ToWorker)
  })

/**
 * Creates a function that returns the sum of the metrics of all workers, in the text format of Prometheus. Concurrent calls share one
 * collection.
 */
export const createCollectMetrics = (): (() => Promise<string>) => {
  let lastId = 0
  return singleFlight(async () => {
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected()) as Worker[]
    const all = await Promise.all(workers.map((worker) => requestMetrics(worker, ++lastId)))
    return await AggregatorRegistry.aggregate(all.filter((each) => each !== undefined)).metrics()
  })
}
