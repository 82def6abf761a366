import { sql } from 'drizzle-orm'
import { items } from '../../database/schema.js'
import { defineStatement } from '../../database/statement.js'
import type { ItemRow } from './item-row.js'

const { placeholder } = sql

/** A live item, and the seconds that it has left, rounded up; null where it never expires. */
export type LiveRow = ItemRow & { readonly ordinal: number; readonly ttl_remaining: number | null }

/** Reads live items at one instant. Answers a row for each that exists, with the place (from 1) of its key in the arrays. */
export const getItems = defineStatement<{ namespaces: readonly string[]; keys: readonly string[] }, LiveRow>(
  'read',
  sql`
    with clock as materialized (select clock_timestamp() as now)
    select asked.ordinal::int, i.key, i.value::text, i.version::text, i.created_at::text, i.updated_at::text, i.expires_at::text,
      ceil(extract(epoch from i.expires_at - clock.now))::float8 as ttl_remaining
    from unnest(${placeholder('namespaces')}::text[], ${placeholder('keys')}::text[])
      with ordinality as asked (namespace, key, ordinal)
    join ${items} i on i.namespace = asked.namespace and i.key = asked.key
    cross join clock
    where i.expires_at is null or i.expires_at > clock.now`,
)
