import { sql } from 'drizzle-orm'
import { changeRing, changes } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** How long, and in how many bytes, the log keeps changes. */
export interface ChangeRetention {
  readonly seconds: number
  readonly bytes: number
}

/**
 * Removes the oldest slot of the log if the current one has its share of the time or of the bytes. Seven of eight slots are full at any
 * time. Returns whether a slot was removed; null if none was due.
 */
export const rotateChanges = defineStatement<ChangeRetention, { readonly rotated: boolean | null }>(
  'write',
  (p) => sql`
    select case when
      pg_total_relation_size(('changes_' || r.slot)::regclass) > ${p.bytes}::bigint / 7
      or (r.rotated_at < clock_timestamp() - ${p.seconds}::int * interval '1 second' / 7 and exists (select from ${changes}))
      then rotate_changes(r.slot) end as rotated
    from ${changeRing} r`,
)
