import { sql } from 'drizzle-orm'
import { apiKeys } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/**
 * Stores the first API key, with all scopes. Returns no row if there is any API key. Services that start at the same time send the same id,
 * so the primary key constraint accepts only one of them.
 */
export const insertFirstApiKey = defineStatement<{ readonly id: string; readonly digest: string }, { readonly id: string }>(
  'write',
  (p) => sql`
    insert into ${apiKeys} as k (id, digest, name, scopes, created_at)
    select ${p.id}::text, ${p.digest}::text, 'first admin key', array['read', 'write', 'admin'],
      date_trunc('milliseconds', clock_timestamp())
    where not exists (select from ${apiKeys})
    on conflict do nothing
    returning k.id`,
)

/** Tells whether an unexpired API key has the scope `admin`. */
export const hasAdminKey = defineStatement<object, { readonly found: boolean }>(
  'read',
  () => sql`
    select exists (
      select from ${apiKeys} k where 'admin' = any(k.scopes) and (k.expires_at is null or k.expires_at > clock_timestamp())
    ) as found`,
)
