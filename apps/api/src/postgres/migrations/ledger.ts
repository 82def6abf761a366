import { StartError } from '@holdfast/server-kit'
import type { Sql } from 'postgres'
import { quoteLiteral } from '../sql-quotes.js'
import type { Migration } from './migration-files.js'

/** The table that lists the migrations which were applied to a schema. */
export const ledgerTable = 'holdfast_migrations'

/** An applied migration. */
export interface LedgerRow {
  readonly name: string
  readonly hash: string
  readonly additive: boolean
}

/** Whether `hash` is that of a file of the migration, as it is or as an earlier release had it. */
export const isHashOf = ({ hash: current, earlierHashes }: Migration, hash: string): boolean =>
  hash === current || earlierHashes.includes(hash)

/** Reads the ledger of the first schema of the search path; undefined if there is none. */
export const readLedger = async (sql: Sql): Promise<LedgerRow[] | undefined> => {
  const [found] = await sql`
    select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = current_schema() and c.relname = ${ledgerTable}`
  return found === undefined ? undefined : await sql<LedgerRow[]>`select name, hash, additive from ${sql(ledgerTable)}`
}

/** Creates the ledger, unless there is one. */
export const createLedger = `
  create table if not exists ${ledgerTable} (
    name text collate "C" primary key,
    hash text not null,
    additive boolean not null,
    applied_at timestamptz (3) not null default clock_timestamp()
  )`

/** Lists a migration as applied. The hash is that of the file that was applied. */
export const addToLedger = ({ name, hash, additive }: LedgerRow): string =>
  `insert into ${ledgerTable} (name, hash, additive) values (${quoteLiteral(name)}, ${quoteLiteral(hash)}, ${additive})`

/**
 * Compares a ledger with the migrations of this version.
 * @returns the migrations to apply, and the names of those that a newer version applied
 * @throws StartError if the ledger and the migrations do not belong together
 */
export const compareLedger = (
  ledger: readonly LedgerRow[],
  migrations: readonly Migration[],
  schema: string,
): { pending: Migration[]; newer: string[] } => {
  const fail = (problem: string): never => {
    throw new StartError(`DATABASE_URL: the tables in schema "${schema}" cannot be used: ${problem}`)
  }
  const rows = new Map(ledger.map((row) => [row.name, row]))
  for (const migration of migrations) {
    const row = rows.get(migration.name)
    if (row !== undefined && !isHashOf(migration, row.hash)) {
      fail(
        `migration ${row.name} was changed after it had been applied; restore the file that was applied, or run the version that applied it`,
      )
    }
  }
  const pending = migrations.filter(({ name }) => !rows.has(name))
  const known = new Set(migrations.map(({ name }) => name))
  const last = migrations.at(-1)?.name ?? ''
  const others = ledger.filter(({ name }) => !known.has(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
  const newer = others.map(({ name }) => name)
  // A name begins with its number, in four digits.
  const foreign = others.find(({ name }) => name.slice(0, 4) <= last.slice(0, 4))
  if (foreign !== undefined) fail(`${ledgerTable} lists migration ${foreign.name}, which no release of Holdfast up to this one has`)
  const breaking = others.find(({ additive }) => !additive)
  if (breaking !== undefined) fail(`migration ${breaking.name} of a newer version made them unusable for this one; run that version`)
  const [missing] = pending
  const later = [...rows.keys()].find((name) => missing !== undefined && name > missing.name)
  if (later !== undefined) fail(`${ledgerTable} lists ${later} but not ${missing?.name}, which comes before it; restore its row`)
  return { pending, newer }
}
