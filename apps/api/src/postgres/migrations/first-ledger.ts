import { StartError } from '@holdfast/server-kit'
import { getTableName } from 'drizzle-orm'
import type { Sql } from 'postgres'
import { itemCounts, items, itemVersions, tables } from '../schema.js'
import { quoteIdentifier } from '../sql-quotes.js'
import { addToLedger, createLedger, isHashOf, type LedgerRow } from './ledger.js'
import type { Migration } from './migration-files.js'

/**
 * Version 0.1.0 listed its migrations in the ledger that Drizzle uses unless told otherwise, which other applications in
 * the database may share. Reads the hashes there.
 */
const readSharedLedger = async (sql: Sql): Promise<string[]> => {
  const [found] = await sql`
    select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'drizzle' and c.relname = '__drizzle_migrations'`
  if (found === undefined) return []
  const rows = await sql<{ hash: string }[]>`select hash from drizzle.__drizzle_migrations`
  return rows.map(({ hash }) => hash)
}

/** Which of the names are relations of the schema. */
const findRelations = async (sql: Sql, schema: string, names: readonly string[]): Promise<string[]> => {
  const rows = await sql<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and c.relname in ${sql(names)} order by c.relname`
  return rows.map(({ name }) => name)
}

const sequence = itemVersions.seqName as string

/** How the ledger of a schema begins. */
interface FirstLedger {
  /** The statements that create it. */
  readonly statements: readonly string[]
  /** The rows that it then has. */
  readonly rows: readonly LedgerRow[]
}

/**
 * Prepares the ledger of a schema that has none. Tables that version 0.1.0 created are kept, and their migrations are listed as
 * applied. That version's own list stays as it is, so that the version still starts.
 * @throws StartError if the schema has tables with our names that are not ours
 */
export const firstLedger = async (sql: Sql, migrations: readonly Migration[], schema: string): Promise<FirstLedger> => {
  const present = await findRelations(sql, schema, [...tables.map(getTableName), sequence])
  if (present.length === 0) return { statements: [createLedger], rows: [] }
  const applied = await readSharedLedger(sql)
  const ours = [items, itemCounts].every((table) => present.includes(getTableName(table)))
  const rows = migrations.flatMap((migration) => {
    const hash = ours ? applied.find((each) => isHashOf(migration, each)) : undefined
    return hash === undefined ? [] : [{ name: migration.name, hash, additive: migration.additive }]
  })
  if (rows.length === 0) {
    throw new StartError(
      `DATABASE_SCHEMA: schema "${schema}" has tables with names that Holdfast uses (${present.join(', ')}), and no list of migrations that says they are Holdfast's; set DATABASE_SCHEMA to another schema, which is created if it does not exist, or, if they come from a backup, restore the list, too`,
    )
  }
  // Version 0.1.0 created the sequence in `public`, also if the tables went elsewhere.
  const move = present.includes(sequence) ? [] : [`alter sequence public.${sequence} set schema ${quoteIdentifier(schema)}`]
  return { statements: [createLedger, ...rows.map(addToLedger), ...move], rows }
}
