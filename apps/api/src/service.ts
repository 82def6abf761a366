import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { close, type Logger, listen, type Running } from '@holdfast/service'
import { createApp } from './app.js'
import type { Config } from './config.js'
import type { DatabaseAddress } from './database/connections.js'
import { startEmbedded } from './database/embedded.js'
import { migrate } from './database/migrate.js'
import { createPool } from './database/pool.js'
import { checkServer } from './database/server-check.js'
import { createMetricsServer } from './http/metrics-server.js'
import { createHttpServer } from './http/server.js'
import { createMetrics } from './observability/metrics.js'
import { observers, type Traces } from './observability/tracing.js'
import { packageFolder } from './package-folder.js'
import { createItemStore } from './store/items.js'
import { startSweeper } from './store/sweeper.js'

/** A running service. */
export interface Service extends Running {
  readonly database: 'embedded' | 'external'
  /** Where the metrics are, if they have a port of their own. */
  readonly metricsUrl: string | undefined
}

const version = (): string => JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')).version

const openDatabase = async (config: Config, logger: Logger) => {
  if (config.DATABASE_URL !== undefined) {
    return { kind: 'external' as const, address: { url: config.DATABASE_URL } satisfies DatabaseAddress, stop: async () => {} }
  }
  return { kind: 'embedded' as const, ...(await startEmbedded(config.DATA_DIR, logger)) }
}

/** Loads what traces, where somebody takes traces: it is a good part of the program. */
const openTraces = async (config: Config, logger: Logger): Promise<Traces | undefined> => {
  if (config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return undefined
  const { startTraces } = await import('./observability/traces.js')
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: serviceName, OTEL_TRACES_SAMPLER_ARG: share } = config
  return startTraces({ endpoint, serviceName, version: version(), share }, logger)
}

/** Listens with the API, and with the metrics where they have a port of their own. */
const listenOn = async (server: Server, metricsServer: Server, { HOST, PORT, METRICS_PORT }: Config) => {
  const metricsUrl = METRICS_PORT === undefined ? undefined : await listen(metricsServer, HOST, METRICS_PORT, 'METRICS_PORT')
  try {
    return { url: await listen(server, HOST, PORT), metricsUrl }
  } catch (error) {
    metricsServer.close()
    throw error
  }
}

const startOn = async (database: Awaited<ReturnType<typeof openDatabase>>, config: Config, logger: Logger): Promise<Service> => {
  await checkServer(database.address, config.ALLOW_UNSAFE_DATABASE === 'on')
  await migrate(database.address)
  const metrics = createMetrics(version())
  const traces = await openTraces(config, logger)
  const observe = observers(metrics, traces)
  const pool = createPool(database.address, logger, observe.statements)
  metrics.watch(pool)
  let stopping = false
  const app = createApp({
    store: createItemStore(pool, {
      valueBytesMax: config.MAX_VALUE_BYTES,
      recordSeconds: config.IDEMPOTENCY_TTL_SECONDS,
      observe: observe.calls,
    }),
    service: { version: version(), database: database.kind, stopping: () => stopping, databaseAnswers: () => pool.answers(1_000) },
    rateLimit: {
      requests: config.RATE_LIMIT_REQUESTS,
      windowSeconds: config.RATE_LIMIT_WINDOW_SECONDS,
      trustedProxies: config.TRUST_PROXY,
    },
    valueBytesMax: config.MAX_VALUE_BYTES,
    rootKeys: config.ROOT_KEYS === 'on',
    metricsText: metrics.text,
    metricsMoved: config.METRICS_PORT !== undefined,
    observe,
    logger,
  })
  const server = createHttpServer(app)
  const metricsServer = createMetricsServer(metrics.text, logger)
  const { url, metricsUrl } = await listenOn(server, metricsServer, config).catch(async (error) => {
    await pool.end(0)
    throw error
  })
  const stopSweeper = startSweeper(pool, config.SWEEP_INTERVAL_SECONDS * 1000, logger, metrics.sweeps)
  return {
    url,
    database: database.kind,
    metricsUrl,
    stop: async (lameDuckMs) => {
      stopping = true
      await new Promise((resolve) => setTimeout(resolve, lameDuckMs))
      await close(server, config.SHUTDOWN_GRACE_SECONDS * 1000)
      if (metricsUrl !== undefined) await close(metricsServer, 0)
      await stopSweeper()
      await pool.end(1_000)
      await traces?.end()
      await database.stop()
    },
  }
}

/**
 * Starts the service: its database, the tables, the API.
 * @throws StartError with one line for the person who starts it
 */
export const startService = async (config: Config, logger: Logger): Promise<Service> => {
  const database = await openDatabase(config, logger)
  try {
    return await startOn(database, config, logger)
  } catch (error) {
    await database.stop()
    throw error
  }
}
