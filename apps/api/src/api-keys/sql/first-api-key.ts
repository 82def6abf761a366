import { sql } from 'drizzle-orm'
import { apiKeys } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/**
 * Stores the first API key, which may do everything. Returns no row if there is any key. Services that start together send the same
 * id, so that the primary key admits one of them.
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

/** Tells whether a key that has not expired may administer. */
export const hasAdminKey = defineStatement<object, { readonly found: boolean }>(
  'read',
  () => sql`
    select exists (
      select from ${apiKeys} k where 'admin' = any(k.scopes) and (k.expires_at is null or k.expires_at > clock_timestamp())
    ) as found`,
)
