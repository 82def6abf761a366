import { createLogger } from '@holdfast/server-kit'
import type { DatabaseConfig } from './config.js'
import { openDatabase } from './open-database.js'

const print = (text: string): void => {
  process.stdout.write(`holdfast: ${text}\n`)
}

/**
 * Runs the command `migrate`: applies the pending migrations and prints the name of each.
 * @throws StartError
 */
export const migrateDatabase = async (config: DatabaseConfig): Promise<void> => {
  const logger = createLogger('warn', config.LOG_FORMAT)
  const { schema, stop } = await openDatabase({ ...config, MIGRATE_AT_START: 'on' }, logger, (name) => print(`applying ${name}`))
  await stop()
  print(`the tables in schema "${schema}" are up to date`)
}
