import type { Logger } from '@holdfast/server-kit'
import type { DatabaseConfig } from './config.js'
import { startEmbedded } from './embedded-postgres/embedded-postgres.js'
import { type MigrateResult, migrate, type OnApply } from './postgres/migrations/migrate.js'
import { checkServer } from './postgres/sessions/server-check.js'

/** A database with tables that are up to date. */
export interface Database extends Omit<MigrateResult, 'newer'> {
  readonly kind: 'embedded' | 'external'
  readonly stop: () => Promise<void>
}

/** What the workers may open, and PostgreSQL's own preset at least, so that there is room for backups and people. */
const connectionsMax = ({ WORKERS }: DatabaseConfig): number => Math.max(100, 25 * WORKERS)

const findDatabase = async (config: DatabaseConfig, logger: Logger): Promise<Pick<Database, 'kind' | 'address' | 'stop'>> => {
  if (config.DATABASE_URL !== undefined) return { kind: 'external', address: { url: config.DATABASE_URL }, stop: async () => {} }
  return { kind: 'embedded', ...(await startEmbedded(config.DATA_DIR, connectionsMax(config), logger)) }
}

/**
 * Opens the service's database, its own or another one, and brings its tables up to date.
 * @throws StartError
 */
export const openDatabase = async (
  config: DatabaseConfig,
  logger: Logger,
  onApply: OnApply = (migration) => logger.info({ migration }, 'migrating the tables'),
): Promise<Database> => {
  const database = await findDatabase(config, logger)
  try {
    const found = { ...database.address, allowUnsafe: config.ALLOW_UNSAFE_DATABASE === 'on' }
    const server = await checkServer(found, logger)
    const { newer, ...migrated } = await migrate(
      { ...found, server },
      {
        schema: config.DATABASE_SCHEMA,
        apply: config.MIGRATE_AT_START === 'on',
        onApply,
      },
    )
    if (newer.length > 0) logger.warn({ migrations: newer }, 'a newer version has migrated the tables; this one can use them')
    return { ...database, ...migrated }
  } catch (error) {
    await database.stop()
    throw error
  }
}
