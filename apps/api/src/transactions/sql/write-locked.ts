import { sql } from 'drizzle-orm'
import { recordFormat } from '../../idempotency/sql/record-format.js'
import { countRows } from '../../items/sql/count-rows.js'
import { idempotencyRecords, items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import type { TransactionGuard } from '../../postgres/transactions.js'

/** The changes of a transaction. Element n of each array belongs to item n. */
export interface WriteLocked extends TransactionGuard {
  readonly namespace: string
  readonly keys: readonly string[]
  /** JSON texts. */
  readonly values: readonly string[]
  readonly versions: readonly string[]
  /** Versions that the items were created with. */
  readonly createdVersions: readonly string[]
  readonly createdAts: readonly string[]
  readonly updatedAts: readonly string[]
  readonly expiresAts: readonly (string | null)[]
  /** Keys whose rows are removed. */
  readonly removed: readonly string[]
  /** How many rows there are more than before. */
  readonly rowsMore: number
  /** The record of the request; null where it has none. */
  readonly recordId: string | null
  readonly fingerprint: string | null
  /** JSON text. */
  readonly result: string | null
  readonly recordSeconds: number
}

/** Writes a transaction's items and its record. Does nothing outside the transaction that it is meant for. */
export const writeLocked = defineStatement<WriteLocked, { readonly ours: boolean }>(
  'write',
  (p) => sql`
    with guard as materialized (
      select pg_current_xact_id() = ${p.transactionId}::xid8 as ours
    ), updated as (
      update ${items} i
      set value = w.value::json, version = w.version, created_offset = nullif(w.version - w.created_version, 0), created_at = w.created_at,
        updated_at = w.updated_at, expires_at = w.expires_at
      from unnest(
        ${p.keys}::text[], ${p.values}::text[], ${p.versions}::bigint[],
        ${p.createdVersions}::bigint[], ${p.createdAts}::timestamptz[],
        ${p.updatedAts}::timestamptz[], ${p.expiresAts}::timestamptz[]
      ) as w (key, value, version, created_version, created_at, updated_at, expires_at)
      where i.namespace = ${p.namespace}::text and i.key = w.key and (select ours from guard)
    ), deleted as (
      delete from ${items} i
      where i.namespace = ${p.namespace}::text and i.key = any (${p.removed}::text[]) and (select ours from guard)
    ), counted as (
      ${countRows(sql`
        select ${p.namespace}::text as namespace, ${p.rowsMore}::int as rows
        from guard where ours and ${p.rowsMore}::int <> 0`)}
    ), recorded as (
      insert into ${idempotencyRecords} (id, fingerprint, format, result, expires_at)
      select ${p.recordId}::text, ${p.fingerprint}::text, ${recordFormat}, ${p.result}::text::json,
        clock_timestamp() + ${p.recordSeconds}::int * interval '1 second'
      from guard where ours and ${p.recordId}::text is not null
    )
    select ours from guard`,
)
