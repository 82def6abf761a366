import { sql } from 'drizzle-orm'
import { items } from '../../database/schema.js'
import { defineStatement } from '../../database/statement.js'
import type { ItemRow } from './item-row.js'

const { placeholder } = sql

/** A live item, and the seconds that it has left, rounded up; null where it never expires. */
export type LiveRow = ItemRow & { readonly namespace: string; readonly ttl_remaining: number | null }

/** Reads the live ones among the items with these keys, at one instant and in no order. */
export const getItems = defineStatement<{ namespace: string; keys: readonly string[] }, LiveRow>(
  'read',
  sql`
    select i.namespace, i.key, i.value::text, i.version::text, i.created_at::text, i.updated_at::text, i.expires_at::text,
      ceil(extract(epoch from i.expires_at - clock.now))::float8 as ttl_remaining
    from (select clock_timestamp() as now offset 0) clock
    join ${items} i on i.expires_at is null or i.expires_at > clock.now
    where i.namespace = ${placeholder('namespace')}::text and i.key = any (${placeholder('keys')}::text[])`,
)
