import { StartError } from '@holdfast/server-kit'
import { getTableName, sql as template } from 'drizzle-orm'
import { getTableConfig } from 'drizzle-orm/pg-core'
import type { Sql } from 'postgres'
import { changeSeq, itemVersions, readOnlyTables, tables } from '../schema.js'
import { quoteIdentifier, quoteLiteral } from '../sql-quotes.js'
import { defineStatement } from '../statement.js'

type Table = (typeof tables | typeof readOnlyTables)[number]

const describe = (privileges: readonly string[]) => (table: Table) => {
  const columns = getTableConfig(table).columns.map(({ name }) => quoteLiteral(name))
  return `(${quoteLiteral(getTableName(table))}, array[${columns.join()}], array[${privileges.map(quoteLiteral).join()}])`
}

const expected = [...tables.map(describe(['SELECT', 'INSERT', 'UPDATE', 'DELETE'])), ...readOnlyTables.map(describe(['SELECT']))].join(', ')

/**
 * Finds what the statements need and the role lacks: tables, columns, triggers, sequences, functions, and the rights to use them. Returns one
 * row for each problem.
 */
export const findTableProblems = defineStatement<object, { readonly problem: string }>('read', () =>
  template.raw(`
    with relation as materialized (
      select e.name, e.columns, e.privileges, to_regclass(quote_ident(e.name)) as oid from (values ${expected}) e (name, columns, privileges)
    ), versions as materialized (
      select to_regclass(${quoteLiteral(itemVersions.seqName as string)}) as oid
    ), position as materialized (
      select to_regclass(${quoteLiteral(changeSeq.seqName as string)}) as oid
    ), function as materialized (
      select f.name, to_regprocedure(f.signature) as oid
      from (values ('renew_version', 'renew_version(text, text)'), ('rotate_changes', 'rotate_changes(smallint)')) f (name, signature)
    )
    select 'table ' || name || ' does not exist' as problem from relation where oid is null
    union all
    select 'column ' || r.name || '.' || c.name || ' does not exist'
    from relation r cross join unnest(r.columns) c (name)
    where r.oid is not null
      and not exists (select from pg_attribute a where a.attrelid = r.oid and a.attname = c.name and not a.attisdropped)
    union all
    select 'no ' || p.name || ' privilege on table ' || r.name
    from relation r cross join unnest(r.privileges) p (name)
    where r.oid is not null and not has_table_privilege(r.oid, p.name)
    union all
    select 'sequence item_versions does not exist' from versions where oid is null
    union all
    select 'no USAGE privilege on sequence item_versions' from versions where oid is not null and not has_sequence_privilege(oid, 'USAGE')
    union all
    select 'trigger ' || t.name || ' does not exist'
    from (values ('item_history_update', 'items'), ('item_history_delete', 'items'), ('start_item_history', 'namespaces'), ('stop_item_history', 'namespaces')) t (name, relation)
    join relation r on r.name = t.relation
    where r.oid is not null and not exists (select from pg_trigger g where g.tgrelid = r.oid and g.tgname = t.name)
    union all
    select 'sequence change_seq does not exist' from position where oid is null
    union all
    select 'no USAGE privilege on sequence change_seq' from position where oid is not null and not has_sequence_privilege(oid, 'USAGE')
    union all
    select 'function ' || name || ' does not exist' from function where oid is null
    union all
    select 'no EXECUTE privilege on function ' || name from function where oid is not null and not has_function_privilege(oid, 'EXECUTE')`),
)

/**
 * Checks that the search path is the schema alone, and that the role may use the schema if it exists.
 * @throws StartError
 */
export const checkAccess = async (sql: Sql, schema: string): Promise<void> => {
  const [row] = await sql<{ role: string; path: string; denied: boolean }[]>`
    select current_user as role, current_setting('search_path') as path,
      exists (select from pg_namespace n where n.nspname = ${schema} and not has_schema_privilege(n.oid, 'USAGE')) as denied`
  if (row?.path !== quoteIdentifier(schema)) {
    throw new StartError(
      `DATABASE_URL: the connection has the search path ${row?.path}, not ${quoteIdentifier(schema)}. Configure the pooler to pass on search_path.`,
    )
  }
  if (row.denied) throw new StartError(`DATABASE_SCHEMA: role "${row.role}" has no USAGE privilege on schema "${schema}". Grant it.`)
}

/**
 * Checks that the schema has everything the statements need, and that the role may use it.
 * @throws StartError
 */
export const checkTables = async (sql: Sql, schema: string): Promise<void> => {
  const problems = await sql.unsafe<{ problem: string }[]>(findTableProblems.text)
  if (problems.length === 0) return
  throw new StartError(
    `DATABASE_SCHEMA: the tables in schema "${schema}" cannot be used: ${problems.map(({ problem }) => problem).join('; ')}`,
  )
}
