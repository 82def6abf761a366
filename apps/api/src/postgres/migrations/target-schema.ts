import { StartError } from '@holdfast/server-kit'
import type { Sql } from 'postgres'
import { ledgerTable } from './ledger.js'

/** Schemas that this role may use and that hold Holdfast's tables: by their ledger, or by names that version 0.1.0 used, which had none of its own. */
const findHomes = async (sql: Sql): Promise<string[]> => {
  const rows = await sql<{ name: string }[]>`
    select n.nspname as name from pg_namespace n join pg_class c on c.relnamespace = n.oid
    where c.relkind = 'r' and has_schema_privilege(n.oid, 'USAGE') and c.relname in (${ledgerTable}, 'item_counts', 'idempotency_records')
    group by n.nspname
    having bool_or(c.relname = ${ledgerTable}) or count(*) = 2
    order by n.nspname`
  return rows.map(({ name }) => name)
}

/**
 * Answers the schema that holds the tables, or will: `wanted`, or else the first schema of the role's search path.
 * @throws StartError if none is named and the tables are in another schema than the search path says, because a service that
 *   created new ones would seem to have lost its data
 */
export const chooseSchema = async (sql: Sql, wanted: string | undefined): Promise<string> => {
  if (wanted !== undefined) return wanted
  const [row] = await sql<{ name: string | null; path: string }[]>`select current_schema() as name, current_setting('search_path') as path`
  const name = row?.name ?? null
  const homes = await findHomes(sql)
  if (name !== null && (homes.includes(name) || homes.length === 0)) return name
  const first = name === null ? 'has no schema that exists and that this role may use' : `begins with "${name}"`
  throw new StartError(
    homes.length > 0
      ? `DATABASE_SCHEMA: Holdfast's tables are in schema "${homes.join('", "')}", but the search path (${row?.path}) ${first}; set DATABASE_SCHEMA to the schema to use, or to another one for new tables`
      : `DATABASE_SCHEMA: the search path (${row?.path}) ${first}; set DATABASE_SCHEMA, such as public`,
  )
}
