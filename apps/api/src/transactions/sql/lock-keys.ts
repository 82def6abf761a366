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
 * Locks keys until the end of the transaction, in key order and in one pass, as writes that create do. A key that has no row gets one
 * that expired long ago: others who would create the item wait for it, and none of them ever sees it, because the transaction
 * makes an item of it or removes it. On a connection that the driver replaced the statement would run by itself and leave such rows behind:
 * there it has no transaction id yet, and does nothing. `do update … where false` locks a row and leaves it as it is (PostgreSQL docs, INSERT).
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
