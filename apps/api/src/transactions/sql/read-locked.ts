import { sql } from 'drizzle-orm'
import { createdVersion } from '../../items/sql/created-version.js'
import type { ItemRow } from '../../items/sql/item-row.js'
import { items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** The locked rows to read: element n of each array belongs to row n. No row may occur twice. */
export interface ReadLocked {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** Whether the value is needed. */
  readonly wanted: readonly boolean[]
  /** How many bytes the needed values may have together. */
  readonly bytesMax: number
}

/** A row, live or expired. Its value is null if it is not needed. `fits` tells whether all needed values have at most `bytesMax` bytes. */
export type LockedRow = ItemRow & { readonly namespace: string; readonly fits: boolean }

/** Reads rows that the transaction has locked, so that they stay the same until its end. */
export const readLocked = defineStatement<ReadLocked, LockedRow>(
  'read',
  (p) => sql`
    with found as materialized (
      select i.*, a.wanted
      from unnest(${p.namespaces}::text[], ${p.keys}::text[], ${p.wanted}::text[]::boolean[]) as a (namespace, key, wanted)
      join ${items} i on i.namespace = a.namespace and i.key = a.key
    ), size as materialized (
      select coalesce(sum(octet_length(found.value::text)), 0) <= ${p.bytesMax}::int as fits from found where found.wanted
    )
    select found.namespace, found.key, case when found.wanted and size.fits then found.value::text end as value, found.version::text, ${createdVersion('found')},
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
