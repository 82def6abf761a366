import { sql } from 'drizzle-orm'
import { items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import { createdVersion } from './created-version.js'
import type { ItemRow } from './item-row.js'

/** A live item. `ttl_remaining` is in seconds, rounded up; null if it never expires. */
export type LiveRow = ItemRow & { readonly namespace: string; readonly ttl_remaining: number | null }

/**
 * Reads the live items with these keys, in no particular order. Expiry is decided by the time at which the statement starts, before its
 * snapshot. A later time could treat an item as expired although its expiry was extended meanwhile.
 */
export const getItems = defineStatement<{ namespace: string; keys: readonly string[] }, LiveRow>(
  'read',
  (p) => sql`
    select i.namespace, i.key, i.value::text, i.version::text, ${createdVersion('i')}, i.created_at::text,
      i.updated_at::text, i.expires_at::text,
      case when i.expires_at is not null then greatest(1, ceil(extract(epoch from i.expires_at - statement_timestamp())))::float8 end as ttl_remaining
    from ${items} i
    where i.namespace = ${p.namespace}::text and i.key = any (${p.keys}::text[])
      and (i.expires_at is null or i.expires_at > statement_timestamp())`,
)
