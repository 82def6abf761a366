import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning } from '@holdfast/testbed/is-running'
import { startPostgres } from '@holdfast/testbed/postgres-process'
import { until } from '@holdfast/testbed/until'
import postgres, { type Sql } from 'postgres'
import { type ServiceUnderTest, startServiceUnderTest } from './service-under-test.ts'

/** A PostgreSQL server that a proof can kill. */
interface KillableDatabase {
  readonly kill: () => Promise<void>
  /** Restarts the server. Missing if the service restarts it. */
  readonly start?: () => Promise<void>
}

/** A test bed: services that share one database, and direct access to the database. */
export interface Bed {
  readonly services: readonly ServiceUnderTest[]
  readonly database: KillableDatabase
  /** Returns a client of the database, which the caller must close. */
  readonly connect: () => Sql
}

interface BedOptions {
  /** @default 2 */
  readonly services?: number
  readonly settings?: Record<string, string>
  /** The bundle to run instead of the built service. */
  readonly program?: string
}

const stopAll = async (services: readonly ServiceUnderTest[]): Promise<void> => {
  await Promise.all(services.map(({ stop }) => stop()))
}

/** Calls `use` with services that share a new PostgreSQL server. */
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

/** Calls `use` with one service on its embedded PostgreSQL. */
export const withEmbedded = async <T>(use: (bed: Bed) => Promise<T>): Promise<T> => {
  // Not os.tmpdir(): it may be a private folder that the server's account cannot access.
  const dataDir = await mkdtemp('/tmp/holdfast-test-')
  const service = await startServiceUnderTest({ DATA_DIR: dataDir })
  const password = await readFile(join(dataDir, 'password'), 'utf8')
  const serverPid = async () => Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0])
  const kill = async () => {
    const pid = await serverPid()
    process.kill(pid, 'SIGKILL')
    await until(() => !isRunning(pid))
  }
  try {
    const path = join(dataDir, 'run', '.s.PGSQL.5432')
    const connect = () => postgres({ path, username: 'holdfast', database: 'postgres', password, max: 1 })
    return await use({ services: [service], database: { kill }, connect })
  } finally {
    await service.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}
