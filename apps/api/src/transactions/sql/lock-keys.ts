import { sql } from 'drizzle-orm'
import { idempotencyRecords, items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** Keys of one namespace, each once. */
export interface LockKeys {
  readonly namespace: string
  readonly keys: readonly string[]
  /** The record of the request; null without an Idempotency-Key. If it exists, the request is only replayed and locks nothing. */
  readonly recordId: string | null
}

/** The version of a row that stands for a key without an item. No item has it. */
export const placeholderVersion = '0'

/**
 * Locks keys until the end of the transaction, in key order and in one pass, as writes do that create items. A key without a row gets one
 * that expired long ago. Other requests that would create the item wait for it, and never see it, because the transaction turns it into an
 * item or deletes it. If the driver replaced the connection, the statement would run outside of the transaction and leave such rows behind.
 * There it has no transaction id, and does nothing. `do update … where false` locks a row and leaves it unchanged (PostgreSQL docs,
 * INSERT).
 */
export const lockKeys = defineStatement<LockKeys, never>(
  'write',
  (p) => sql`
    insert into ${items} as i (namespace, key, value, version, created_at, updated_at, expires_at)
    select ${p.namespace}::text, a.key, 'null', 0, '-infinity', '-infinity', '-infinity'
    from unnest(${p.keys}::text[]) as a (key)
    where pg_current_xact_id_if_assigned() is not null
      and not exists (select from ${idempotencyRecords} r where r.id = ${p.recordId}::text)
    order by a.key collate "C"
    on conflict (namespace, key) do update set version = i.version where false`,
)
