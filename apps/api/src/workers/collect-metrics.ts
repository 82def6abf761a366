import cluster, { type Worker } from 'node:cluster'
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from 'prom-client'
import { singleFlight } from '../lib/single-flight.js'
import type { ToPrimary, ToWorker } from './messages.js'

/** What one worker counted. */
export type WorkerMetrics = MetricObjectWithValues<MetricValue<string>>[]

/** A worker that does not answer so long is left out, so that one that hangs does not hide all others. Milliseconds. */
const patienceMs = 1_000

const askWorker = (worker: Worker, id: number): Promise<WorkerMetrics | undefined> =>
  new Promise((resolve) => {
    const end = (metrics?: WorkerMetrics): void => {
      clearTimeout(timer)
      worker.off('message', hear)
      resolve(metrics)
    }
    const hear = (message: ToPrimary): void => {
      if (message.kind === 'collected' && message.id === id) end(message.metrics)
    }
    const timer = setTimeout(end, patienceMs)
    worker.on('message', hear)
    worker.send({ kind: 'collect', id } satisfies ToWorker)
  })

/** Makes what answers the metrics of all workers, added up, in the text format of Prometheus. Asks them once for all who ask meanwhile. */
export const createCollectMetrics = (): (() => Promise<string>) => {
  let lastId = 0

  return singleFlight(async () => {
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected()) as Worker[]
    const all = await Promise.all(workers.map((worker) => askWorker(worker, ++lastId)))
    return await AggregatorRegistry.aggregate(all.filter((each) => each !== undefined)).metrics()
  })
}
