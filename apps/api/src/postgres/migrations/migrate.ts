import { StartError } from '@holdfast/server-kit'
import postgres, { type Sql } from 'postgres'
import type { DatabaseAddress } from '../address/database-address.js'
import { withSession } from '../sessions/sessions.js'
import { quoteIdentifier } from '../sql-quotes.js'
import { firstLedger } from './first-ledger.js'
import { addToLedger, compareLedger, readLedger } from './ledger.js'
import { type Migration, readMigrations } from './migration-files.js'
import { checkAccess, checkTables } from './table-check.js'
import { chooseSchema } from './target-schema.js'

/** With the schema, the key of the advisory lock under which a schema is migrated. */
const lockClass = 474_133_012
/** How long a migration waits for others that migrate, and for statements that hold its tables. Milliseconds. */
const patienceMs = 60_000
/** How long one statement waits for a lock, behind which all other statements on its table wait too. Milliseconds. */
const lockMs = 1_000
const pauseMs = 100

/** How tables were brought up to date. */
export interface Migrated {
  /** The address with the schema of the tables. */
  readonly address: DatabaseAddress
  readonly schema: string
  /** Names of the migrations that were applied. */
  readonly applied: readonly string[]
  /** Names of the migrations that a newer version had applied. */
  readonly newer: readonly string[]
}

/** Called with each migration before it is applied to existing tables. */
export type OnApply = (name: string) => void

export interface MigrateOptions {
  /** The schema for the tables; without it the first one of the role's search path. */
  readonly schema?: string | undefined
  /** Whether pending migrations are applied, or rejected. Default: applied. */
  readonly apply?: boolean
  readonly onApply?: OnApply
  /** For tests. */
  readonly migrations?: readonly Migration[]
}

const isLockTimeout = (error: unknown): boolean => error instanceof postgres.PostgresError && error.code === '55P03'

/** PostgreSQL's insufficient_privilege. */
const isForbidden = (error: unknown): boolean => error instanceof postgres.PostgresError && error.code === '42501'

const pause = () => new Promise((resolve) => setTimeout(resolve, pauseMs))

/** An index on a large table takes its time. */
const migrationSettings = { application_name: 'holdfast migrations', statement_timeout: '0', lock_timeout: String(lockMs) }

/**
 * Runs `run` while no other service migrates the same schema. Whoever has to wait asks again and again: a statement that waited
 * for the lock would hold a snapshot, which `CREATE INDEX CONCURRENTLY` waits for.
 */
const withLock = async (sql: Sql, schema: string, run: () => Promise<void>): Promise<void> => {
  const until = performance.now() + patienceMs
  for (;;) {
    const [row] = await sql<{ locked: boolean }[]>`select pg_try_advisory_lock(${lockClass}::int, hashtext(${schema})) as locked`
    if (row?.locked === true) break
    if (performance.now() > until)
      throw new StartError('DATABASE_URL: another service has been migrating the tables for a minute; try again later')
    await pause()
  }
  await run()
  await sql`select pg_advisory_unlock(${lockClass}::int, hashtext(${schema}))`
}

/**
 * Runs statements as one transaction, again if others keep its tables locked. They are one message, so that none of them can
 * run on another connection than the rest.
 */
const runAll = async (sql: Sql, statements: readonly string[]): Promise<void> => {
  const until = performance.now() + patienceMs
  for (;;) {
    try {
      await sql.unsafe(statements.map((statement) => statement.trim().replace(/;$/, '')).join('\n;\n')).simple()
      return
    } catch (error) {
      if (!isLockTimeout(error) || performance.now() > until) throw error
      await pause()
    }
  }
}

const createSchema = async (sql: Sql, schema: string): Promise<string[]> => {
  const [found] = await sql`select 1 from pg_namespace where nspname = ${schema}`
  return found === undefined ? [`create schema ${quoteIdentifier(schema)}`] : []
}

/**
 * Runs a statement that cannot be in a transaction, such as one that builds an index while writes go on. It may wait as long as it has
 * to, because no other statement waits behind it. An index whose build was cut off is invalid and is built again.
 */
const runAlone = async (sql: Sql, statement: string): Promise<void> => {
  await sql`select set_config('lock_timeout', '0', false)`
  const [, index] = /^create index concurrently (?:if not exists )?("[^"]+")/i.exec(statement.trim()) ?? []
  if (index !== undefined) await sql.unsafe(`drop index concurrently if exists ${index}`)
  await sql.unsafe(statement)
  await sql`select set_config('lock_timeout', ${String(lockMs)}, false)`
}

const applyOne = async (sql: Sql, migration: Migration): Promise<void> => {
  if (migration.transactional) return await runAll(sql, [...migration.statements, addToLedger(migration)])
  for (const statement of migration.statements) await runAlone(sql, statement)
  await runAll(sql, [addToLedger(migration)])
}

/** The statements of a migration for new tables: to build an index beside writes would only wait for all other transactions in the database. */
const toCreate = (migration: Migration): string[] => [
  ...migration.statements.map((statement) => statement.replace(/^(\s*create index) concurrently/i, '$1')),
  addToLedger(migration),
]

/** Applies what is pending and answers its names. */
const applyPending = async (sql: Sql, schema: string, migrations: readonly Migration[], onApply: OnApply): Promise<string[]> => {
  // Another service may have applied some while this one waited for the lock.
  const ledger = (await readLedger(sql)) ?? []
  const first = ledger.length === 0 ? await firstLedger(sql, migrations, schema) : { statements: [], rows: ledger }
  const { pending } = compareLedger(first.rows, migrations, schema)
  const names = pending.map(({ name }) => name)
  if (first.rows.length === 0) {
    // One transaction, so that a failure leaves nothing in the schema.
    await runAll(sql, [...(await createSchema(sql, schema)), ...first.statements, ...pending.flatMap(toCreate)])
    return names
  }
  if (first.statements.length > 0) await runAll(sql, first.statements)
  for (const migration of pending) {
    onApply(migration.name)
    await applyOne(sql, migration)
  }
  return names
}

/** Brings the tables of a schema up to date and answers the names of the migrations that were applied, and of newer ones. */
const migrateSchema = async (sql: Sql, schema: string, options: MigrateOptions) => {
  const { apply = true, migrations = readMigrations(), onApply = () => {} } = options
  await checkAccess(sql, schema)
  const { pending, newer } = compareLedger((await readLedger(sql)) ?? [], migrations, schema)
  let applied: string[] = []
  if (pending.length > 0) {
    if (!apply) {
      throw new StartError(
        `MIGRATE_AT_START is off and schema "${schema}" lacks ${pending.map(({ name }) => name).join(', ')}; run \`npm run migrate\` as the tables' owner first`,
      )
    }
    await withLock(sql, schema, async () => {
      applied = await applyPending(sql, schema, migrations, onApply)
    })
  }
  await checkTables(sql, schema)
  return { applied, newer }
}

/** Runs `run` on a connection of its own. */
const connected = <T>(address: DatabaseAddress, run: (sql: Sql) => Promise<T>): Promise<T> =>
  withSession(address, migrationSettings, ({ client }) => run(client))

const failWith = (problem: string) => (error: unknown) => {
  if (error instanceof StartError) throw error
  const reason = error instanceof Error ? error.message : String(error)
  const advice = isForbidden(error) ? '; run `npm run migrate` as their owner' : ''
  throw new StartError(`DATABASE_URL: the tables ${problem} (${reason})${advice}`, { cause: error })
}

/**
 * Brings the tables up to date. With nothing to apply it only reads, so that a role without the right to create tables will do.
 * Each migration is one transaction, or can be run again from its start. Services that start together take turns through an advisory lock.
 * @throws StartError if the tables cannot be used
 */
export const migrate = async (address: DatabaseAddress, options: MigrateOptions = {}): Promise<Migrated> => {
  const schema = await connected(address, (sql) => chooseSchema(sql, options.schema)).catch(failWith('cannot be found'))
  const target = { ...address, schema }
  const migrated = connected(target, (sql) => migrateSchema(sql, schema, options))
  return { address: target, schema, ...(await migrated.catch(failWith(`in schema "${schema}" cannot be brought up to date`))) }
}
