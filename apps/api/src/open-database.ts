import type { Logger } from '@holdfast/server-kit'
import { switchChangeLog } from './changes/switch-change-log.js'
import type { DatabaseConfig } from './config.js'
import { startEmbedded } from './embedded-postgres/embedded-postgres.js'
import { type MigrateResult, migrate, type OnApply } from './postgres/migrations/migrate.js'
import { checkServer } from './postgres/sessions/server-check.js'

/** A database whose migrations have been applied. */
export interface Database extends Omit<MigrateResult, 'newer'> {
  readonly kind: 'embedded' | 'external'
  readonly stop: () => Promise<void>
}

/** Returns `max_connections` for the embedded PostgreSQL: enough for all workers, and at least PostgreSQL's default of 100. */
const connectionsMax = ({ WORKERS }: DatabaseConfig): number => Math.max(100, 32 * WORKERS)

const locateDatabase = async (config: DatabaseConfig, logger: Logger): Promise<Pick<Database, 'kind' | 'address' | 'stop'>> => {
  if (config.DATABASE_URL !== undefined) return { kind: 'external', address: { url: config.DATABASE_URL }, stop: async () => {} }
  return { kind: 'embedded', ...(await startEmbedded(config.DATA_DIR, connectionsMax(config), logger)) }
}

/**
 * Opens the database of the service: that of DATABASE_URL, or else the embedded one, which it starts. Checks the server and applies the
 * pending migrations.
 * @param onApply called with the name of each migration before it is applied to existing tables
 * @throws StartError
 */
export const openDatabase = async (
  config: DatabaseConfig,
  logger: Logger,
  onApply: OnApply = (migration) => logger.info({ migration }, 'applying a migration'),
): Promise<Database> => {
  const database = await locateDatabase(config, logger)
  try {
    const address = { ...database.address, allowUnsafe: config.ALLOW_UNSAFE_DATABASE === 'on' }
    const server = await checkServer(address, logger)
    const { newer, ...migrated } = await migrate(
      { ...address, server },
      {
        schema: config.DATABASE_SCHEMA,
        apply: config.MIGRATE_AT_START === 'on',
        onApply,
      },
    )
    const isLogOn = config.CHANGE_LOG === 'on'
    if (await switchChangeLog(migrated.address, isLogOn)) logger.info(`the change log was switched ${isLogOn ? 'on' : 'off'}`)
    if (newer.length > 0)
      logger.warn({ migrations: newer }, 'a newer version has migrated the tables; this version is compatible with them')
    return { ...database, ...migrated }
  } catch (error) {
    await database.stop()
    throw error
  }
}
