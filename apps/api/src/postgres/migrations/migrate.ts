import { StartError } from '@holdfast/server-kit'
import postgres, { type Sql } from 'postgres'
import type { DatabaseAddress } from '../address/database-address.js'
import { withSession } from '../sessions/sessions.js'
import { quoteIdentifier } from '../sql-quotes.js'
import { compareHistory, insertIntoHistory, readHistory } from './history.js'
import { prepareHistory } from './initial-history.js'
import { type Migration, readMigrations } from './migration-files.js'
import { checkAccess, checkTables } from './table-check.js'
import { chooseSchema } from './target-schema.js'

/** The first key of the advisory lock under which a schema is migrated. The second one is a hash of the schema. */
const lockClass = 474_133_012
/** How long a migration waits for other services that migrate, and for statements that hold its tables. Milliseconds. */
const waitTimeoutMs = 60_000
/** How long one statement waits for a lock. All other statements on the table wait behind it. Milliseconds. */
const lockTimeoutMs = 1_000
const retryDelayMs = 100

export interface MigrateResult {
  /** The address with the schema of the tables. */
  readonly address: DatabaseAddress
  readonly schema: string
  /** Names of the migrations that were applied. */
  readonly applied: readonly string[]
  /** Names of the migrations that a newer version had applied. */
  readonly newer: readonly string[]
}

/** Called with the name of each migration before it is applied to existing tables. */
export type OnApply = (name: string) => void

export interface MigrateOptions {
  /** The schema of the tables. Default: the first one of the role's search path. */
  readonly schema?: string | undefined
  /** Whether pending migrations are applied. If not, they are an error. Default: true. */
  readonly apply?: boolean
  readonly onApply?: OnApply
  /** For tests. */
  readonly migrations?: readonly Migration[]
}

const hasCode = (error: unknown, code: string): boolean => error instanceof postgres.PostgresError && error.code === code
const isLockTimeout = (error: unknown): boolean => hasCode(error, '55P03')
const isInsufficientPrivilege = (error: unknown): boolean => hasCode(error, '42501')

const delay = () => new Promise((resolve) => setTimeout(resolve, retryDelayMs))

/** No statement timeout, because building an index on a large table takes long. */
const migrationSettings = { application_name: 'holdfast migrations', statement_timeout: '0', lock_timeout: String(lockTimeoutMs) }

/**
 * Runs `run` while no other service migrates the same schema. It polls for the lock: a statement that waits for it would hold a snapshot,
 * for which `CREATE INDEX CONCURRENTLY` waits.
 */
const withLock = async (sql: Sql, schema: string, run: () => Promise<void>): Promise<void> => {
  const deadline = performance.now() + waitTimeoutMs
  for (;;) {
    const [row] = await sql<{ locked: boolean }[]>`select pg_try_advisory_lock(${lockClass}::int, hashtext(${schema})) as locked`
    if (row?.locked === true) break
    if (performance.now() > deadline)
      throw new StartError('DATABASE_URL: another service has been migrating the tables for a minute. Try again later.')
    await delay()
  }
  await run()
  await sql`select pg_advisory_unlock(${lockClass}::int, hashtext(${schema}))`
}

/**
 * Runs statements as one transaction, and retries it after lock timeouts. The statements are sent as one message, so that all of them
 * run on the same connection.
 */
const runInTransaction = async (sql: Sql, statements: readonly string[]): Promise<void> => {
  const deadline = performance.now() + waitTimeoutMs
  for (;;) {
    try {
      await sql.unsafe(statements.map((statement) => statement.trim().replace(/;$/, '')).join('\n;\n')).simple()
      return
    } catch (error) {
      if (!isLockTimeout(error) || performance.now() > deadline) throw error
      await delay()
    }
  }
}

const createSchemaIfMissing = async (sql: Sql, schema: string): Promise<string[]> => {
  const [row] = await sql`select 1 from pg_namespace where nspname = ${schema}`
  return row === undefined ? [`create schema ${quoteIdentifier(schema)}`] : []
}

/**
 * Runs a statement that must not be in a transaction, such as `CREATE INDEX CONCURRENTLY`. It may wait for locks without a limit, because
 * no other statement waits behind it. An index whose build was interrupted is invalid, so it is dropped first.
 */
const runOutsideTransaction = async (sql: Sql, statement: string): Promise<void> => {
  await sql`select set_config('lock_timeout', '0', false)`
  const [, index] = /^create index concurrently (?:if not exists )?("[^"]+")/i.exec(statement.trim()) ?? []
  if (index !== undefined) await sql.unsafe(`drop index concurrently if exists ${index}`)
  await sql.unsafe(statement)
  await sql`select set_config('lock_timeout', ${String(lockTimeoutMs)}, false)`
}

const applyMigration = async (sql: Sql, migration: Migration): Promise<void> => {
  if (migration.transactional) return await runInTransaction(sql, [...migration.statements, insertIntoHistory(migration)])
  for (const statement of migration.statements) await runOutsideTransaction(sql, statement)
  await runInTransaction(sql, [insertIntoHistory(migration)])
}

/**
 * Returns the statements of a migration for new tables. They build indexes without CONCURRENTLY, which would only wait for all other
 * transactions in the database.
 */
const statementsForNewTables = (migration: Migration): string[] => [
  ...migration.statements.map((statement) => statement.replace(/^(\s*create index) concurrently/i, '$1')),
  insertIntoHistory(migration),
]

/** Applies the pending migrations and returns their names. */
const applyPending = async (sql: Sql, schema: string, migrations: readonly Migration[], onApply: OnApply): Promise<string[]> => {
  // Another service may have applied migrations while this one waited for the lock.
  const history = (await readHistory(sql)) ?? []
  const initial = history.length === 0 ? await prepareHistory(sql, migrations, schema) : { statements: [], applied: history }
  const { pending } = compareHistory(initial.applied, migrations, schema)
  const names = pending.map(({ name }) => name)
  if (initial.applied.length === 0) {
    // One transaction, so that a failure leaves nothing in the schema.
    const createSchema = await createSchemaIfMissing(sql, schema)
    await runInTransaction(sql, [...createSchema, ...initial.statements, ...pending.flatMap(statementsForNewTables)])
    return names
  }
  if (initial.statements.length > 0) await runInTransaction(sql, initial.statements)
  for (const migration of pending) {
    onApply(migration.name)
    await applyMigration(sql, migration)
  }
  return names
}

const migrateSchema = async (sql: Sql, schema: string, options: MigrateOptions) => {
  const { apply = true, migrations = readMigrations(), onApply = () => {} } = options
  await checkAccess(sql, schema)
  const { pending, newer } = compareHistory((await readHistory(sql)) ?? [], migrations, schema)
  let applied: string[] = []
  if (pending.length > 0) {
    if (!apply) {
      throw new StartError(
        `MIGRATE_AT_START is off and the tables in schema "${schema}" lack the migrations ${pending.map(({ name }) => name).join(', ')}. Run \`npm run migrate\` as the owner of the tables.`,
      )
    }
    await withLock(sql, schema, async () => {
      applied = await applyPending(sql, schema, migrations, onApply)
    })
  }
  await checkTables(sql, schema)
  return { applied, newer }
}

const withMigrationSession = <T>(address: DatabaseAddress, run: (sql: Sql) => Promise<T>): Promise<T> =>
  withSession(address, migrationSettings, ({ client }) => run(client))

const failWith = (problem: string) => (error: unknown) => {
  if (error instanceof StartError) throw error
  const reason = error instanceof Error ? error.message : String(error)
  const advice = isInsufficientPrivilege(error) ? '. Run `npm run migrate` as the owner of the tables.' : ''
  throw new StartError(`DATABASE_URL: ${problem} (${reason})${advice}`, { cause: error })
}

/**
 * Applies the pending migrations. If there are none, it only reads, so the role needs no right to create tables. Each migration is one
 * transaction, or can be repeated from its start. Services that start at the same time take turns by an advisory lock.
 * @throws StartError if the tables cannot be used
 */
export const migrate = async (address: DatabaseAddress, options: MigrateOptions = {}): Promise<MigrateResult> => {
  const choosing = withMigrationSession(address, (sql) => chooseSchema(sql, options.schema))
  const schema = await choosing.catch(failWith('the schema of the tables cannot be found'))
  const target = { ...address, schema }
  const migrating = withMigrationSession(target, (sql) => migrateSchema(sql, schema, options))
  return { address: target, schema, ...(await migrating.catch(failWith(`the tables in schema "${schema}" cannot be migrated`))) }
}
