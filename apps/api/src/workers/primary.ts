import cluster, { type Worker } from 'node:cluster'
import { createServer } from 'node:net'
import { type Logger, listen } from '@holdfast/server-kit'
import { createFirstAdminKey } from '../api-keys/first-admin-key.js'
import type { Config } from '../config.js'
import { type Database, openDatabase } from '../open-database.js'
import type { Service } from '../start-service.js'
import { createCollectMetrics } from './collect-metrics.js'
import type { PrimaryHandlers, ToWorker } from './messages.js'
import { handleRequests } from './primary-requests.js'
import { createCountHandler } from './shared-limiter.js'
import { superviseWorker } from './supervise-worker.js'

/** How long a worker may take to end after the grace period of its requests. Milliseconds. */
const exitTimeoutMs = 5_000

/**
 * Listens on an address for a moment, so that an address that cannot be used is reported once. Returns its URL and its port, which the
 * system chooses if `port` is 0.
 */
const reserveAddress = async (host: string, port: number, setting: string): Promise<{ url: string; port: number }> => {
  const server = createServer()
  const url = await listen(server, host, port, setting)
  await new Promise((resolve) => server.close(resolve))
  return { url, port: Number(new URL(url).port) }
}

/** Returns the addresses on which all workers listen, including later replacements. */
const reserveAddresses = async ({ HOST, PORT, METRICS_PORT }: Config) => ({
  api: await reserveAddress(HOST, PORT, 'PORT'),
  metrics: METRICS_PORT === undefined ? undefined : await reserveAddress(HOST, METRICS_PORT, 'METRICS_PORT'),
})

const runningWorkers = (): Worker[] =>
  Object.values(cluster.workers ?? {}).flatMap((worker) => (worker === undefined || worker.isDead() ? [] : [worker]))

const stopWorkers = async (lameDuckMs: number, graceMs: number): Promise<void> => {
  const workers = runningWorkers()
  const exited = Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))))
  for (const worker of workers) if (worker.isConnected()) worker.send({ kind: 'stop', lameDuckMs } satisfies ToWorker)
  const killTimer = setTimeout(
    () => {
      for (const worker of workers) worker.process.kill('SIGKILL')
    },
    lameDuckMs + graceMs + exitTimeoutMs,
  )
  await exited
  clearTimeout(killTimer)
}

const startOn = async (database: Database, config: Config, logger: Logger): Promise<Service> => {
  const { api, metrics } = await reserveAddresses(config)
  const handlers: PrimaryHandlers = { count: createCountHandler(), metrics: createCollectMetrics() }
  const failure = Promise.withResolvers<Error>()
  let stopping = false
  const stop = async (lameDuckMs: number): Promise<void> => {
    stopping = true
    await stopWorkers(lameDuckMs, config.SHUTDOWN_GRACE_SECONDS * 1000)
  }

  const onFork = (worker: Worker): void => {
    handleRequests(worker, handlers)
    worker.send({
      kind: 'start',
      database: { kind: database.kind, address: database.address },
      port: api.port,
      metricsPort: metrics?.port,
    } satisfies ToWorker)
  }
  const options = { onFork, onCrashLoop: failure.resolve, stopping: () => stopping, logger }
  const listening = Array.from({ length: config.WORKERS }, () => superviseWorker(options))
  const error = await Promise.race([Promise.all(listening).then(() => undefined), failure.promise])
  if (error !== undefined) {
    await stop(0)
    throw error
  }
  return {
    url: api.url,
    database: database.kind,
    firstAdminKey: await createFirstAdminKey(database.address, config, logger).catch(async (cause) => {
      await stop(0)
      throw cause
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
 * Starts the service as several processes on one port. The primary process owns the database, handles signals, and counts requests for all
 * workers. The workers serve the requests.
 * @throws StartError
 */
export const startWorkers = async (config: Config, logger: Logger): Promise<Service> => {
  const database = await openDatabase(config, logger)
  try {
    return await startOn(database, config, logger)
  } catch (error) {
    await database.stop()
    throw error
  }
}
