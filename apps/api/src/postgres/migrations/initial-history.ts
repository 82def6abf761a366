import { StartError } from '@holdfast/server-kit'
import { getTableName } from 'drizzle-orm'
import type { Sql } from 'postgres'
import { itemCounts, items, itemVersions, tables } from '../schema.js'
import { quoteIdentifier } from '../sql-quotes.js'
import { type AppliedMigration, createHistory, insertIntoHistory, isHashOf } from './history.js'
import type { Migration } from './migration-files.js'

/**
 * Reads the hashes of the migrations that version 0.1.0 applied. It listed them in Drizzle's default table, which other applications in
 * the database may use too.
 */
const readDrizzleHistory = async (sql: Sql): Promise<string[]> => {
  const [table] = await sql`
    select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'drizzle' and c.relname = '__drizzle_migrations'`
  if (table === undefined) return []
  const rows = await sql<{ hash: string }[]>`select hash from drizzle.__drizzle_migrations`
  return rows.map(({ hash }) => hash)
}

/** Returns those of the names that are relations of the schema. */
const findRelations = async (sql: Sql, schema: string, names: readonly string[]): Promise<string[]> => {
  const rows = await sql<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and c.relname in ${sql(names)} order by c.relname`
  return rows.map(({ name }) => name)
}

const sequence = itemVersions.seqName as string

interface InitialHistory {
  /** The statements that create the history. */
  readonly statements: readonly string[]
  /** The migrations that the history lists afterwards. */
  readonly applied: readonly AppliedMigration[]
}

/**
 * Prepares the history of a schema that has none. Tables of version 0.1.0 are kept, and their migrations are listed as applied. The list
 * of that version is not changed, so that version can still start.
 * @throws StartError if the schema has tables of another application with the names that Holdfast uses
 */
export const prepareHistory = async (sql: Sql, migrations: readonly Migration[], schema: string): Promise<InitialHistory> => {
  const present = await findRelations(sql, schema, [...tables.map(getTableName), sequence])
  if (present.length === 0) return { statements: [createHistory], applied: [] }
  const hashes = await readDrizzleHistory(sql)
  const hasItems = [items, itemCounts].every((table) => present.includes(getTableName(table)))
  const applied = migrations.flatMap((migration) => {
    const hash = hasItems ? hashes.find((each) => isHashOf(migration, each)) : undefined
    return hash === undefined ? [] : [{ name: migration.name, hash, additive: migration.additive }]
  })
  if (applied.length === 0) {
    throw new StartError(
      `DATABASE_SCHEMA: schema "${schema}" has tables with names that Holdfast uses (${present.join(', ')}), and no migration history says that they belong to Holdfast. Set DATABASE_SCHEMA to another schema, which is created if it does not exist. If the tables come from a backup, restore the table holdfast_migrations too.`,
    )
  }
  // Version 0.1.0 created the sequence in `public`, even if the tables were in another schema.
  const moveSequence = present.includes(sequence) ? [] : [`alter sequence public.${sequence} set schema ${quoteIdentifier(schema)}`]
  return { statements: [createHistory, ...applied.map(insertIntoHistory), ...moveSequence], applied }
}
