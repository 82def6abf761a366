import { StartError } from '@holdfast/server-kit'
import type { Sql } from 'postgres'
import { historyTable } from './history.js'

/**
 * Finds the schemas that the role may use and that contain Holdfast's tables: those with a migration history, and those with the tables of
 * version 0.1.0, which had no history of its own.
 */
const findHoldfastSchemas = async (sql: Sql): Promise<string[]> => {
  const rows = await sql<{ name: string }[]>`
    select n.nspname as name from pg_namespace n join pg_class c on c.relnamespace = n.oid
    where c.relkind = 'r' and has_schema_privilege(n.oid, 'USAGE') and c.relname in (${historyTable}, 'item_counts', 'idempotency_records')
    group by n.nspname
    having bool_or(c.relname = ${historyTable}) or count(*) = 2
    order by n.nspname`
  return rows.map(({ name }) => name)
}

/**
 * Returns the schema of the tables: `requested`, or else the first schema of the role's search path.
 * @throws StartError if no schema is requested and the tables are not in the first schema of the search path. A service that created new
 *   tables would seem to have lost its data.
 */
export const chooseSchema = async (sql: Sql, requested: string | undefined): Promise<string> => {
  if (requested !== undefined) return requested
  const [row] = await sql<{ name: string | null; path: string }[]>`select current_schema() as name, current_setting('search_path') as path`
  const name = row?.name ?? null
  const schemas = await findHoldfastSchemas(sql)
  if (name !== null && (schemas.includes(name) || schemas.length === 0)) return name
  const first = name === null ? 'has no existing schema that the role may use' : `starts with "${name}"`
  throw new StartError(
    schemas.length > 0
      ? `DATABASE_SCHEMA: Holdfast's tables are in schema "${schemas.join('", "')}", but the search path (${row?.path}) ${first}. Set DATABASE_SCHEMA to that schema, or to another one for new tables.`
      : `DATABASE_SCHEMA: the search path (${row?.path}) ${first}. Set DATABASE_SCHEMA, for example to public.`,
  )
}
