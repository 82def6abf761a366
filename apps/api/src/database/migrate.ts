import { join } from 'node:path'
import { StartError } from '@holdfast/service'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import { packageFolder } from '../package-folder.js'
import { connect, type DatabaseAddress } from './connections.js'

/** Any number that nothing else in the database locks. */
const migrationLock = 4_741_330_127

/**
 * Brings the database's tables up to date. The migrator takes no lock of its own, so services that start together
 * take turns through an advisory lock on the very connection that migrates.
 * @throws StartError
 */
export const migrate = async (address: DatabaseAddress): Promise<void> => {
  const client = connect(address, { connection: { application_name: 'holdfast migrations', lock_timeout: 60_000 } })
  try {
    await client`select pg_advisory_lock(${migrationLock}::bigint)`
    await applyMigrations(drizzle(client), { migrationsFolder: join(packageFolder, 'migrations'), migrationsSchema: 'drizzle' })
  } catch (error) {
    // Drizzle wraps what PostgreSQL said.
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new StartError(
      `DATABASE_URL: the tables cannot be brought up to date (${reason}); expected a user that may create schemas and tables in this database`,
      { cause: error },
    )
  } finally {
    await client.end({ timeout: 1 })
  }
}
