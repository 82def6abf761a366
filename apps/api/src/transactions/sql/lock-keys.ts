import { sql } from 'drizzle-orm'
import { idempotencyRecords, items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'

/** The keys of a group of transactions: element n of each array belongs to key n. A key may occur several times. */
export interface LockKeys {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** The record of the request; null without an Idempotency-Key. If it exists, the request is only replayed and locks nothing. */
  readonly recordIds: readonly (string | null)[]
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
    select a.namespace, a.key, 'null', 0, '-infinity', '-infinity', '-infinity'
    from (
      select distinct u.namespace collate "C" as namespace, u.key collate "C" as key
      from unnest(${p.namespaces}::text[], ${p.keys}::text[], ${p.recordIds}::text[]) as u (namespace, key, record_id)
      where not exists (select from ${idempotencyRecords} r where r.id = u.record_id)
    ) a
    where pg_current_xact_id_if_assigned() is not null
    order by a.namespace, a.key
    on conflict (namespace, key) do update set version = i.version where false`,
)
