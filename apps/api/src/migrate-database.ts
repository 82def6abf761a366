import { createLogger } from '@holdfast/server-kit'
import type { DatabaseConfig } from './config.js'
import { openDatabase } from './open-database.js'

const say = (text: string): void => {
  process.stdout.write(`holdfast: ${text}\n`)
}

/**
 * The command `migrate`: brings the tables up to date, prints each migration that it applies, and ends.
 * @throws StartError
 */
export const migrateDatabase = async (config: DatabaseConfig): Promise<void> => {
  const logger = createLogger('warn', config.LOG_FORMAT)
  const { schema, stop } = await openDatabase({ ...config, MIGRATE_AT_START: 'on' }, logger, (name) => say(`applying ${name}`))
  await stop()
  say(`the tables in schema "${schema}" are up to date`)
}
