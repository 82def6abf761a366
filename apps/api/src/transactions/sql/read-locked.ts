import { sql } from 'drizzle-orm'
import { createdVersion } from '../../items/sql/created-version.js'
import type { ItemRow } from '../../items/sql/item-row.js'
import { items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** Which of the rows that a transaction has locked to read. */
export interface ReadLocked {
  readonly namespace: string
  readonly keys: readonly string[]
  /** Keys whose values are wanted too, and how many bytes these may have together. */
  readonly valueKeys: readonly string[]
  readonly bytesMax: number
}

/** A row, live or not. Its value is null where it is not wanted; `fits` is whether all that are have no more bytes than they may. */
export type LockedRow = ItemRow & { readonly fits: boolean }

/** Reads rows as they stay until the end of the transaction that has locked them. */
export const readLocked = defineStatement<ReadLocked, LockedRow>(
  'read',
  (p) => sql`
    with found as materialized (
      select i.*, i.key = any (${p.valueKeys}::text[]) as wanted
      from ${items} i
      where i.namespace = ${p.namespace}::text and i.key = any (${p.keys}::text[])
    ), size as materialized (
      select coalesce(sum(octet_length(found.value::text)), 0) <= ${p.bytesMax}::int as fits from found where found.wanted
    )
    select found.key, case when found.wanted and size.fits then found.value::text end as value, found.version::text, ${createdVersion('found')},
      found.created_at::text, found.updated_at::text, found.expires_at::text, size.fits
    from found cross join size`,
)

/** The instant at which a transaction is judged, once it has its locks, and versions for its writes, which grow. */
export const openTransaction = defineStatement<{ readonly versions: number }, { now: string; versions: string[] }>(
  'write',
  (p) => sql`
    select date_trunc('milliseconds', clock_timestamp())::text as now,
      to_json(array(select nextval('item_versions')::text from generate_series(1, ${p.versions}::int))) as versions`,
)
