import { sql } from 'drizzle-orm'
import { items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import { createdVersion } from './created-version.js'
import type { ItemRow } from './item-row.js'

/** Keys of one namespace, each once, and how many bytes their values may have together. */
export interface BatchGetItems {
  readonly namespace: string
  readonly keys: readonly string[]
  readonly bytesMax: number
}

/** A live item. `fits` tells whether the values have at most `bytesMax` bytes together. If not, all values are null. */
export type BatchRow = ItemRow & { readonly fits: boolean }

/** Reads live items at one instant, in no particular order. */
export const batchGetItems = defineStatement<BatchGetItems, BatchRow>(
  'read',
  (p) => sql`
    with clock as materialized (select transaction_timestamp() as now), found as materialized (
      select i.*
      from ${items} i
      where i.namespace = ${p.namespace}::text and i.key = any (${p.keys}::text[])
        and (i.expires_at is null or i.expires_at > (select now from clock))
    ), size as materialized (
      select sum(octet_length(found.value::text)) <= ${p.bytesMax}::int as fits from found
    )
    select found.key, case when size.fits then found.value::text end as value, found.version::text, ${createdVersion('found')},
      found.created_at::text, found.updated_at::text, found.expires_at::text, size.fits
    from found cross join size`,
)
