import { sql } from 'drizzle-orm'
import { defineStatement } from '../../postgres/statement.js'

/** The size of a table on disk, including its indexes. */
export interface MeasuredTable {
  readonly table: string
  readonly bytes: number
}

/** Measures the tables by the sizes of their files. Costs no scan. */
export const measureTables = defineStatement<object, MeasuredTable>(
  'read',
  () => sql`
    select name as "table", pg_total_relation_size(name::regclass)::float8 as bytes
    from unnest(array['items', 'item_history', 'item_counts', 'idempotency_records']) name
    union all
    select 'changes', sum(pg_total_relation_size(('changes_' || slot)::regclass))::float8 from generate_series(0, 7) slot`,
)
