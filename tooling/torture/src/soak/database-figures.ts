import type { Sql } from 'postgres'
import { privateMegabytes } from './process-figures.ts'

/** The size and row counts of a table. */
interface TableFigures {
  readonly name: string
  readonly tableMegabytes: number
  readonly indexMegabytes: number
  readonly deadRows: number
  readonly liveRows: number
}

/** The resources of the service's tables and connections. */
export interface DatabaseFigures {
  readonly connections: number
  readonly backendMegabytes: number | undefined
  readonly tables: readonly TableFigures[]
}

export const databaseFigures = async (sql: Sql): Promise<DatabaseFigures> => {
  const backends = await sql<{ pid: number }[]>`select pid from pg_stat_activity where application_name = 'holdfast'`
  const tables = await sql<TableFigures[]>`
    select relname as name, pg_table_size(relid) / 1048576.0::float8 as "tableMegabytes",
      pg_indexes_size(relid) / 1048576.0::float8 as "indexMegabytes",
      n_dead_tup::float8 as "deadRows", n_live_tup::float8 as "liveRows"
    from pg_stat_user_tables
    where schemaname = 'public' and relname in ('items', 'idempotency_records', 'item_counts')
    order by relname`
  return { connections: backends.length, backendMegabytes: await privateMegabytes(backends.map(({ pid }) => pid)), tables }
}
