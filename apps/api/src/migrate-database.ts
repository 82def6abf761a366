import { createLogger } from '@holdfast/service'
import type { Config } from './config.js'
import { openDatabase } from './open-database.js'

/**
 * The command `migrate`: brings the tables up to date, prints what was done, and ends.
 * @throws StartError
 */
export const migrateDatabase = async (config: Config): Promise<void> => {
  const { schema, applied, stop } = await openDatabase({ ...config, MIGRATE_AT_START: 'on' }, createLogger(config.LOG_LEVEL))
  await stop()
  const done = applied.length === 0 ? 'there was nothing to migrate' : `applied ${applied.join(', ')}`
  process.stdout.write(`holdfast: the tables in schema "${schema}" are up to date; ${done}\n`)
}
