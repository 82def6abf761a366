import type { Server } from 'node:http'
import { close, type Logger, listen, type Running } from '@holdfast/server-kit'
import { createApiKeyStore } from './api-keys/api-key-store.js'
import { createApp } from './app.js'
import { type ChangeStreams, createChangeStreams } from './changes/change-streams.js'
import type { Config } from './config.js'
import { startSweeper } from './expiry/sweeper.js'
import { createItemVersions } from './history/item-versions.js'
import { createRestoreItem } from './history/restore-item.js'
import { overBudget } from './http/body-bytes.js'
import { createHttpServer, type PeerBounds, peerBounds } from './http/http-server.js'
import { createAdmissions } from './http/overload/admission.js'
import { createByteBudget } from './http/overload/byte-budget.js'
import { trustedHosts } from './http/trusted-hosts.js'
import { createOnce } from './idempotency/run-once.js'
import { createDeletePrefix } from './items/delete-prefix.js'
import { createItemStore } from './items/item-store.js'
import type { ItemDatabase } from './items/write-batcher.js'
import { createKeyOrder } from './lib/key-order.js'
import { withTimeout } from './lib/with-timeout.js'
import { createMetrics, type Metrics } from './metrics/metrics.js'
import { createMetricsServer } from './metrics/metrics-server.js'
import { createLimitsGate } from './namespaces/limits-gate.js'
import { createNamespaceSettings } from './namespaces/namespace-settings.js'
import { createNamespaceStore } from './namespaces/namespace-store.js'
import type { Database } from './open-database.js'
import { createPool, type Pool } from './postgres/pool.js'
import type { CreateLimiter } from './rate-limit/limiter.js'
import { createPostgresLimiter } from './rate-limit/postgres-limiter.js'
import { createRequestCounts, type RequestCounts } from './rate-limit/request-counts.js'
import { observers, type Traces } from './tracing/observers.js'
import { version } from './version.js'

/** The parts that all processes of a service share. A service of one process creates its own. */
export interface SharedParts {
  /** Counts requests that are not counted in the database. */
  readonly createLimiter: CreateLimiter
  /** Returns the metrics of all processes. `own` are those of this process. */
  readonly metricsText: (own: Metrics) => () => Promise<string>
}

/** The API on a socket. */
export interface Serving extends Running {
  /** The address of the metrics, if they have a port of their own. */
  readonly metricsUrl: string | undefined
}

/** Loads the tracing code only if an endpoint is set, because it is large. */
const openTraces = async (config: Config, logger: Logger): Promise<Traces | undefined> => {
  if (config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return undefined
  const { startTraces } = await import('./tracing/traces.js')
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: serviceName, OTEL_TRACES_SAMPLER_ARG: share } = config
  return startTraces({ endpoint, serviceName, version: version(), share }, logger)
}

/** Opens the port of the API, and the port of the metrics if they have one. */
const listenOn = async (server: Server, metricsServer: Server, { HOST, PORT, METRICS_PORT }: Config) => {
  const metricsUrl = METRICS_PORT === undefined ? undefined : await listen(metricsServer, HOST, METRICS_PORT, 'METRICS_PORT')
  try {
    return { url: await listen(server, HOST, PORT), metricsUrl }
  } catch (error) {
    metricsServer.close()
    throw error
  }
}

const createStores = (pool: Pool, config: Config, observe: ItemDatabase['observe'], logger: Logger) => {
  const settings = createNamespaceSettings(pool)
  const recordSeconds = config.IDEMPOTENCY_TTL_SECONDS
  const deletePrefix = createDeletePrefix(pool, recordSeconds)
  const items = createItemStore(
    { pool, order: createKeyOrder(), valueBytesMax: config.MAX_VALUE_BYTES, recordSeconds, observe },
    deletePrefix,
  )
  const store = createLimitsGate(items, settings, pool)
  const versions = createItemVersions(pool)
  return {
    store,
    versions,
    restore: createRestoreItem(store, versions, createOnce(pool, recordSeconds)),
    namespaces: createNamespaceStore(pool, settings, deletePrefix),
    apiKeys: createApiKeyStore(pool, logger),
  }
}

const rateLimitOptions = (config: Config, counts: RequestCounts | undefined, createLimiter: CreateLimiter) => ({
  requests: config.RATE_LIMIT_REQUESTS,
  keyRequests: config.RATE_LIMIT_KEY_REQUESTS,
  windowSeconds: config.RATE_LIMIT_WINDOW_SECONDS,
  siteFactor: config.RATE_LIMIT_SITE_FACTOR,
  trustedProxies: config.TRUST_PROXY,
  createLimiter: counts === undefined ? createLimiter : createPostgresLimiter(counts, createLimiter),
})

const openChangeStreams = (pool: Pool, config: Config, logger: Logger): ChangeStreams | undefined => {
  if (config.CHANGE_LOG === 'off') return undefined
  const options = {
    streamsMax: config.WATCH_STREAMS_MAX,
    pollMs: config.WATCH_POLL_MS,
    heartbeatMs: config.WATCH_HEARTBEAT_SECONDS * 1000,
    recentBytesMax: config.WATCH_MEMORY_BYTES,
  }
  return createChangeStreams(pool.sessions, options, logger)
}

const sweeperOptions = (config: Config) => ({
  intervalMs: config.SWEEP_INTERVAL_SECONDS * 1000,
  changeRetention: config.CHANGE_LOG === 'off' ? undefined : { seconds: config.CHANGE_LOG_SECONDS, bytes: config.CHANGE_LOG_BYTES },
})

/** Returns the limits on connections. Settings override the defaults. */
const connectionBounds = ({ MAX_CONNECTIONS, MAX_CONNECTIONS_PER_CLIENT }: Config, bounds: PeerBounds): PeerBounds => {
  const connectionsMax = MAX_CONNECTIONS ?? bounds.connectionsMax
  const perClient = MAX_CONNECTIONS_PER_CLIENT ?? (MAX_CONNECTIONS === undefined ? bounds.connectionsPerClientMax : connectionsMax / 2)
  return { ...bounds, connectionsMax, connectionsPerClientMax: Math.min(connectionsMax, Math.ceil(perClient)) }
}

/**
 * Starts the API on a database. Does not close the database when the service stops.
 * @throws StartError
 */
export const serve = async (
  database: Pick<Database, 'kind' | 'address'>,
  config: Config,
  logger: Logger,
  { createLimiter, metricsText }: SharedParts,
  bounds: PeerBounds = peerBounds,
): Promise<Serving> => {
  const metrics = createMetrics(version())
  const traces = await openTraces(config, logger)
  const observe = observers(metrics, traces)
  const pool = createPool(database.address, logger, observe.statements)
  const budget = createByteBudget({ bytesMax: config.MAX_BUFFERED_BYTES, rejection: overBudget })
  const admissions = createAdmissions()
  metrics.watch(pool, budget, admissions)
  const counts = config.RATE_LIMIT_STORE === 'postgres' ? await createRequestCounts(pool.sessions, logger) : undefined
  const changeStreams = openChangeStreams(pool, config, logger)
  if (changeStreams !== undefined) metrics.watchChanges(changeStreams)
  let stopping = false
  const text = metricsText(metrics)
  const app = createApp({
    ...createStores(pool, config, observe.calls, logger),
    changeStreams,
    authRequired: config.AUTH === 'required',
    adminKey: config.ADMIN_API_KEY,
    trustedHosts: trustedHosts(config),
    corsOrigins: config.CORS_ORIGINS,
    service: { version: version(), database: database.kind, stopping: () => stopping, isDatabaseAvailable: () => pool.isAvailable(1_000) },
    rateLimit: rateLimitOptions(config, counts, createLimiter),
    valueBytesMax: config.MAX_VALUE_BYTES,
    budget,
    admissions,
    rootKeys: config.ROOT_KEYS === 'on',
    metricsText: text,
    // Metrics name namespaces, so with AUTH=required they are not public.
    metricsMoved: config.METRICS_PORT !== undefined || config.AUTH === 'required',
    observe,
    logger,
    logFormat: config.LOG_FORMAT,
  })
  const server = createHttpServer(app, connectionBounds(config, bounds), config.TRUST_PROXY, admissions)
  const metricsServer = createMetricsServer(text, logger)
  const { url, metricsUrl } = await listenOn(server, metricsServer, config).catch(async (error) => {
    await counts?.stop(0)
    await changeStreams?.stop()
    await pool.end(0)
    throw error
  })
  const stopSweeper = startSweeper(pool, sweeperOptions(config), logger, metrics.sweeps)
  return {
    url,
    metricsUrl,
    stop: async (lameDuckMs) => {
      stopping = true
      await new Promise((resolve) => setTimeout(resolve, lameDuckMs))
      const graceMs = config.SHUTDOWN_GRACE_SECONDS * 1000
      // Streams end at once, because the server closes when all responses have ended.
      const streamsStopped = withTimeout(changeStreams?.stop() ?? Promise.resolve(), graceMs)
      await Promise.all([streamsStopped, close(server, graceMs), withTimeout(stopSweeper(), graceMs)])
      if (metricsUrl !== undefined) await close(metricsServer, 0)
      await counts?.stop(1_000)
      await pool.end(1_000)
      await traces?.end()
    },
  }
}
