import { StartError } from '@holdfast/server-kit'
import type { Sql } from 'postgres'
import { quoteLiteral } from '../sql-quotes.js'
import type { Migration } from './migration-files.js'

/** The table with the migration history of its schema. */
export const historyTable = 'holdfast_migrations'

export interface AppliedMigration {
  readonly name: string
  /** SHA-256 of the file that was applied, in hexadecimal. */
  readonly hash: string
  readonly additive: boolean
}

/** Tells whether `hash` is that of the migration's file, in this release or an earlier one. */
export const isHashOf = ({ hash: current, earlierHashes }: Migration, hash: string): boolean =>
  hash === current || earlierHashes.includes(hash)

/** Reads the history in the first schema of the search path. Returns undefined if there is none. */
export const readHistory = async (sql: Sql): Promise<AppliedMigration[] | undefined> => {
  const [table] = await sql`
    select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = current_schema() and c.relname = ${historyTable}`
  return table === undefined ? undefined : await sql<AppliedMigration[]>`select name, hash, additive from ${sql(historyTable)}`
}

/** The statement that creates the history table. */
export const createHistory = `
  create table if not exists ${historyTable} (
    name text collate "C" primary key,
    hash text not null,
    additive boolean not null,
    applied_at timestamptz (3) not null default clock_timestamp()
  )`

/** Returns the statement that lists a migration as applied. */
export const insertIntoHistory = ({ name, hash, additive }: AppliedMigration): string =>
  `insert into ${historyTable} (name, hash, additive) values (${quoteLiteral(name)}, ${quoteLiteral(hash)}, ${additive})`

/**
 * Compares the history with the migrations of this version.
 * @returns the migrations to apply, and the names of those that a newer version applied
 * @throws StartError if this version cannot use the tables, or the history was changed
 */
export const compareHistory = (
  history: readonly AppliedMigration[],
  migrations: readonly Migration[],
  schema: string,
): { pending: Migration[]; newer: string[] } => {
  const fail = (problem: string): never => {
    throw new StartError(`DATABASE_URL: the tables in schema "${schema}" cannot be used: ${problem}`)
  }
  const applied = new Map(history.map((row) => [row.name, row]))
  for (const migration of migrations) {
    const row = applied.get(migration.name)
    if (row !== undefined && !isHashOf(migration, row.hash)) {
      fail(`the file of migration ${row.name} was changed after it was applied. Restore the file, or run the version that applied it.`)
    }
  }
  const pending = migrations.filter(({ name }) => !applied.has(name))
  const known = new Set(migrations.map(({ name }) => name))
  const last = migrations.at(-1)?.name ?? ''
  const unknown = history.filter(({ name }) => !known.has(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
  const newer = unknown.map(({ name }) => name)
  // A name starts with its number, in four digits.
  const foreign = unknown.find(({ name }) => name.slice(0, 4) <= last.slice(0, 4))
  if (foreign !== undefined) fail(`${historyTable} lists migration ${foreign.name}, which no release of Holdfast has. Restore the table.`)
  const breaking = unknown.find(({ additive }) => !additive)
  if (breaking !== undefined) {
    fail(`migration ${breaking.name} of a newer version is incompatible with this one. Run the newer version.`)
  }
  const [missing] = pending
  const later = [...applied.keys()].find((name) => missing !== undefined && name > missing.name)
  if (later !== undefined) fail(`${historyTable} lists ${later} but not ${missing?.name}, which precedes it. Restore its row.`)
  return { pending, newer }
}
