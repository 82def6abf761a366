import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { close, isLoopback, type Logger, listen, type Running } from '@holdfast/service'
import { createApp } from './app.js'
import type { Config } from './config.js'
import type { DatabaseAddress } from './database/connections.js'
import { startEmbedded } from './database/embedded.js'
import { migrate } from './database/migrate.js'
import { createPool, type Pool } from './database/pool.js'
import { checkServer } from './database/server-check.js'
import { createClientLimiter } from './http/client-limiter.js'
import type { CreateLimiter } from './http/limiter.js'
import { createPostgresLimiter } from './http/postgres-limiter.js'
import { createHttpServer } from './http/server.js'
import { packageFolder } from './package-folder.js'
import { createApiKeyStore } from './store/api-keys.js'
import { createBoundedItems } from './store/bounded-items.js'
import { createDeletePrefix } from './store/delete-prefix.js'
import { createItemStore } from './store/items.js'
import { createNamespaceSettings } from './store/namespace-settings.js'
import { createNamespaceStore } from './store/namespaces.js'
import { createRequestCounts } from './store/request-counts.js'
import { startSweeper } from './store/sweeper.js'

/** A running service. */
export interface Service extends Running {
  readonly database: 'embedded' | 'external'
}

const version = (): string => JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')).version

/** A database with tables that are up to date. */
export interface Database {
  readonly kind: 'embedded' | 'external'
  readonly address: DatabaseAddress
  readonly stop: () => Promise<void>
}

/** What the workers may open, and PostgreSQL's own preset at least, so that there is room for backups and people. */
const connectionsMax = ({ WORKERS }: Config): number => Math.max(100, 20 * WORKERS)

const findDatabase = async (config: Config, logger: Logger): Promise<Database> => {
  if (config.DATABASE_URL !== undefined) return { kind: 'external', address: { url: config.DATABASE_URL }, stop: async () => {} }
  return { kind: 'embedded', ...(await startEmbedded(config.DATA_DIR, connectionsMax(config), logger)) }
}

/**
 * Opens the service's database, its own or another one, and brings its tables up to date.
 * @throws StartError
 */
export const openDatabase = async (config: Config, logger: Logger): Promise<Database> => {
  const database = await findDatabase(config, logger)
  try {
    await checkServer(database.address, config.ALLOW_UNSAFE_DATABASE === 'on')
    await migrate(database.address)
    return database
  } catch (error) {
    await database.stop()
    throw error
  }
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

/**
 * Serves the API on a database, which stays open.
 * @param countAlone where requests are counted that are not, or cannot be, counted in the database
 * @throws StartError
 */
export const serve = async (
  database: Pick<Database, 'kind' | 'address'>,
  config: Config,
  logger: Logger,
  countAlone: CreateLimiter,
): Promise<Running> => {
  const pool = createPool(database.address, logger)
  const counts = config.RATE_LIMIT_STORE === 'postgres' ? await createRequestCounts(database.address, logger) : undefined
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
      siteFactor: config.RATE_LIMIT_SITE_FACTOR,
      trustedProxies: config.TRUST_PROXY,
      createLimiter: counts === undefined ? countAlone : createPostgresLimiter(counts, countAlone),
    },
    valueBytesMax: config.MAX_VALUE_BYTES,
    rootKeys: config.ROOT_KEYS === 'on',
    logger,
  })
  const server = createHttpServer(app)
  const url = await listen(server, config.HOST, config.PORT).catch(async (error) => {
    await counts?.stop(0)
    await pool.end(0)
    throw error
  })
  const stopSweeper = startSweeper(pool, config.SWEEP_INTERVAL_SECONDS * 1000, logger)
  return {
    url,
    stop: async (lameDuckMs) => {
      stopping = true
      await new Promise((resolve) => setTimeout(resolve, lameDuckMs))
      await close(server, config.SHUTDOWN_GRACE_SECONDS * 1000)
      await stopSweeper()
      await counts?.stop(1_000)
      await pool.end(1_000)
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
    const { url, stop } = await serve(database, config, logger, createClientLimiter)
    return {
      url,
      database: database.kind,
      stop: async (lameDuckMs) => {
        await stop(lameDuckMs)
        await database.stop()
      },
    }
  } catch (error) {
    await database.stop()
    throw error
  }
}
