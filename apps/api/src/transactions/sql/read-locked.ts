import { sql } from 'drizzle-orm'
import { createdVersion } from '../../items/sql/created-version.js'
import type { ItemRow } from '../../items/sql/item-row.js'
import { items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** The locked rows to read. */
export interface ReadLocked {
  readonly namespace: string
  readonly keys: readonly string[]
  /** Keys whose values are needed, and how many bytes they may have together. */
  readonly valueKeys: readonly string[]
  readonly bytesMax: number
}

/** A row, live or expired. Its value is null if it is not needed. `fits` tells whether all needed values have at most `bytesMax` bytes. */
export type LockedRow = ItemRow & { readonly fits: boolean }

/** Reads rows that the transaction has locked, so that they stay the same until its end. */
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

/** Reads the time of a transaction, after it has its locks, and takes increasing versions for its writes. */
export const openTransaction = defineStatement<{ readonly versions: number }, { now: string; versions: string[] }>(
  'write',
  (p) => sql`
    select date_trunc('milliseconds', clock_timestamp())::text as now,
      to_json(array(select nextval('item_versions')::text from generate_series(1, ${p.versions}::int))) as versions`,
)
