import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { close, isLoopback, type Logger, listen, type Running } from '@holdfast/service'
import { createApp } from './app.js'
import type { Config } from './config.js'
import { type DatabaseAddress, withinTime } from './database/connections.js'
import { startEmbedded } from './database/embedded.js'
import { migrate } from './database/migrate.js'
import { createPool, type Pool } from './database/pool.js'
import { checkServer } from './database/server-check.js'
import { createHttpServer, type PeerBounds, peerBounds } from './http/server.js'
import { packageFolder } from './package-folder.js'
import { createApiKeyStore } from './store/api-keys.js'
import { createBoundedItems } from './store/bounded-items.js'
import { createDeletePrefix } from './store/delete-prefix.js'
import { createItemStore } from './store/items.js'
import { createNamespaceSettings } from './store/namespace-settings.js'
import { createNamespaceStore } from './store/namespaces.js'
import { startSweeper } from './store/sweeper.js'

/** A running service. */
export interface Service extends Running {
  readonly database: 'embedded' | 'external'
}

const version = (): string => JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')).version

const openDatabase = async (config: Config, logger: Logger) => {
  if (config.DATABASE_URL !== undefined) {
    return { kind: 'external' as const, address: { url: config.DATABASE_URL } satisfies DatabaseAddress, stop: async () => {} }
  }
  return { kind: 'embedded' as const, ...(await startEmbedded(config.DATA_DIR, logger)) }
}

const createStores = (pool: Pool, config: Config) => {
  const settings = createNamespaceSettings(pool)
  const deletePrefix = createDeletePrefix(pool, config.IDEMPOTENCY_TTL_SECONDS)
  const items = createItemStore(
    pool,
    { valueBytesMax: config.MAX_VALUE_BYTES, recordSeconds: config.IDEMPOTENCY_TTL_SECONDS },
    deletePrefix,
  )
  return { store: createBoundedItems(items, settings, pool), namespaces: createNamespaceStore(pool, settings, deletePrefix) }
}

const startOn = async (
  database: Awaited<ReturnType<typeof openDatabase>>,
  config: Config,
  logger: Logger,
  bounds: PeerBounds,
): Promise<Service> => {
  await checkServer(database.address, config.ALLOW_UNSAFE_DATABASE === 'on')
  await migrate(database.address)
  const pool = createPool(database.address, logger)
  let stopping = false
  const app = createApp({
    ...createStores(pool, config),
    apiKeys: createApiKeyStore(pool, logger),
    authRequired: config.AUTH === 'required',
    adminKey: config.ADMIN_API_KEY,
    ownOriginOnly: config.AUTH === 'off' && isLoopback(config.HOST) && config.ALLOW_UNAUTHENTICATED === 'off',
    service: { version: version(), database: database.kind, stopping: () => stopping, databaseAnswers: () => pool.answers(1_000) },
    rateLimit: {
      requests: config.RATE_LIMIT_REQUESTS,
      windowSeconds: config.RATE_LIMIT_WINDOW_SECONDS,
      trustedProxies: config.TRUST_PROXY,
    },
    valueBytesMax: config.MAX_VALUE_BYTES,
    rootKeys: config.ROOT_KEYS === 'on',
    logger,
  })
  const server = createHttpServer(app, bounds)
  const url = await listen(server, config.HOST, config.PORT).catch(async (error) => {
    await pool.end(0)
    throw error
  })
  const stopSweeper = startSweeper(pool, config.SWEEP_INTERVAL_SECONDS * 1000, logger)
  return {
    url,
    database: database.kind,
    stop: async (lameDuckMs) => {
      stopping = true
      await new Promise((resolve) => setTimeout(resolve, lameDuckMs))
      const graceMs = config.SHUTDOWN_GRACE_SECONDS * 1000
      await Promise.all([close(server, graceMs), withinTime(stopSweeper(), graceMs)])
      await pool.end(1_000)
      await database.stop()
    },
  }
}

/**
 * Starts the service: its database, the tables, the API.
 * @param bounds for tests, which do not wait that long
 * @throws StartError with one line for the person who starts it
 */
export const startService = async (config: Config, logger: Logger, bounds: PeerBounds = peerBounds): Promise<Service> => {
  const database = await openDatabase(config, logger)
  try {
    return await startOn(database, config, logger, bounds)
  } catch (error) {
    await database.stop()
    throw error
  }
}
