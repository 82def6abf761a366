import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startPostgres } from '@holdfast/testbed/postgres-process'
import { until } from '@holdfast/testbed/until'
import postgres, { type Sql } from 'postgres'
import { type ServiceUnderTest, startServiceUnderTest } from './service-under-test.ts'

/** A database that can be killed. */
interface KillableDatabase {
  readonly kill: () => Promise<void>
  /** Starts it again; left out where a service does. */
  readonly start?: () => Promise<void>
}

/** Services on one database, and a way around them to it. */
export interface Bed {
  readonly services: readonly ServiceUnderTest[]
  readonly database: KillableDatabase
  /** Answers a client of the database; the caller ends it. */
  readonly connect: () => Sql
}

interface BedOptions {
  /** @default 2 */
  readonly services?: number
  readonly settings?: Record<string, string>
  /** A bundle to run in place of the built service. */
  readonly program?: string
}

const stopAll = async (services: readonly ServiceUnderTest[]): Promise<void> => {
  await Promise.all(services.map(({ stop }) => stop()))
}

/** Uses services on a PostgreSQL of their own. */
export const withPostgres = async <T>(
  { services: count = 2, settings = {}, program }: BedOptions,
  use: (bed: Bed & { readonly database: Awaited<ReturnType<typeof startPostgres>> }) => Promise<T>,
): Promise<T> => {
  const database = await startPostgres()
  const services: ServiceUnderTest[] = []
  try {
    for (let n = 0; n < count; n++) services.push(await startServiceUnderTest({ DATABASE_URL: database.url, ...settings }, program))
    return await use({ services, database, connect: () => postgres(database.url, { max: 1, onnotice: () => {} }) })
  } finally {
    await stopAll(services)
    await database.remove()
  }
}

/** Uses one service that runs its own PostgreSQL. */
export const withEmbedded = async <T>(use: (bed: Bed) => Promise<T>): Promise<T> => {
  // Not the system's temporary folder: where that is closed to others, a server started by root could not enter it.
  const dataDir = await mkdtemp('/tmp/holdfast-test-')
  const service = await startServiceUnderTest({ DATA_DIR: dataDir })
  const password = await readFile(join(dataDir, 'password'), 'utf8')
  const serverPid = async () => Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0])
  const isGone = (pid: number): boolean => {
    try {
      process.kill(pid, 0)
      return false
    } catch {
      return true
    }
  }
  const kill = async () => {
    const pid = await serverPid()
    process.kill(pid, 'SIGKILL')
    await until(() => isGone(pid))
  }
  try {
    const path = join(dataDir, 'run', '.s.PGSQL.5432')
    const connectTo = () => postgres({ path, username: 'holdfast', database: 'postgres', password, max: 1 })
    return await use({ services: [service], database: { kill }, connect: connectTo })
  } finally {
    await service.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}
