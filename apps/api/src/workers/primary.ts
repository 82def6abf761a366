import cluster, { type Worker } from 'node:cluster'
import { createServer } from 'node:net'
import { type Logger, listen } from '@holdfast/server-kit'
import { createFirstAdminKey } from '../api-keys/first-admin-key.js'
import type { Config } from '../config.js'
import { type Database, openDatabase } from '../open-database.js'
import type { Service } from '../start-service.js'
import { createCollectMetrics } from './collect-metrics.js'
import type { PrimaryReplies, ToWorker } from './messages.js'
import { respondToWorker } from './respond-to-worker.js'
import { createCountReply } from './shared-limiter.js'
import { superviseWorker } from './supervise-worker.js'

/** What a worker may take to end beyond the grace period of its requests. Milliseconds. */
const endMs = 5_000

/** Tries an address, so that one that cannot be listened on is told once; answers its URL, with the port that was free where it is 0. */
const tryAddress = async (host: string, port: number, setting: string): Promise<{ url: string; port: number }> => {
  const server = createServer()
  const url = await listen(server, host, port, setting)
  await new Promise((resolve) => server.close(resolve))
  return { url, port: Number(new URL(url).port) }
}

/** Where all workers listen, those too that replace others later. */
const chooseAddresses = async ({ HOST, PORT, METRICS_PORT }: Config) => ({
  api: await tryAddress(HOST, PORT, 'PORT'),
  metrics: METRICS_PORT === undefined ? undefined : await tryAddress(HOST, METRICS_PORT, 'METRICS_PORT'),
})

const runningWorkers = (): Worker[] =>
  Object.values(cluster.workers ?? {}).flatMap((worker) => (worker === undefined || worker.isDead() ? [] : [worker]))

const stopWorkers = async (lameDuckMs: number, graceMs: number): Promise<void> => {
  const workers = runningWorkers()
  const ended = Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))))
  for (const worker of workers) if (worker.isConnected()) worker.send({ kind: 'stop', lameDuckMs } satisfies ToWorker)
  const hard = setTimeout(
    () => {
      for (const worker of workers) worker.process.kill('SIGKILL')
    },
    lameDuckMs + graceMs + endMs,
  )
  await ended
  clearTimeout(hard)
}

const serveOn = async (database: Database, config: Config, logger: Logger): Promise<Service> => {
  const { api, metrics } = await chooseAddresses(config)
  const responses: PrimaryReplies = { count: createCountReply(), metrics: createCollectMetrics() }
  const failure = Promise.withResolvers<Error>()
  let stopping = false
  const stop = async (lameDuckMs: number): Promise<void> => {
    stopping = true
    await stopWorkers(lameDuckMs, config.SHUTDOWN_GRACE_SECONDS * 1000)
  }

  const begin = (worker: Worker): void => {
    respondToWorker(worker, responses)
    worker.send({
      kind: 'serve',
      database: { kind: database.kind, address: database.address },
      port: api.port,
      metricsPort: metrics?.port,
    } satisfies ToWorker)
  }
  const options = { begin, onCrashLoop: failure.resolve, stopping: () => stopping, logger }
  const listening = Array.from({ length: config.WORKERS }, () => superviseWorker(options))
  const reason = await Promise.race([Promise.all(listening).then(() => undefined), failure.promise])
  if (reason !== undefined) {
    await stop(0)
    throw reason
  }
  return {
    url: api.url,
    database: database.kind,
    firstAdminKey: await createFirstAdminKey(database.address, config, logger).catch(async (error) => {
      await stop(0)
      throw error
    }),
    metricsUrl: metrics?.url,
    failure: failure.promise,
    stop: async (lameDuckMs) => {
      await stop(lameDuckMs)
      await database.stop()
    },
  }
}

/**
 * Starts the service as several processes on one port: this one has the database, the signals and what the workers count
 * together; the workers serve.
 * @throws StartError with one line for the person who starts it
 */
export const startWorkers = async (config: Config, logger: Logger): Promise<Service> => {
  const database = await openDatabase(config, logger)
  try {
    return await serveOn(database, config, logger)
  } catch (error) {
    await database.stop()
    throw error
  }
}
