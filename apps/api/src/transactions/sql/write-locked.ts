import { sql } from 'drizzle-orm'
import { recordFormat } from '../../idempotency/sql/record-format.js'
import { countRows } from '../../items/sql/count-rows.js'
import { idempotencyRecords, items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import type { TransactionGuard } from '../../postgres/transactions.js'

/** The written items. Element n of each array belongs to item n. */
interface WrittenItems {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** JSON texts. */
  readonly values: readonly string[]
  readonly versions: readonly string[]
  /** Versions that the items were created with. */
  readonly createdVersions: readonly string[]
  readonly createdAts: readonly string[]
  readonly updatedAts: readonly string[]
  readonly expiresAts: readonly (string | null)[]
}

/** The changes of a group of transactions. */
export interface WriteLocked extends TransactionGuard, WrittenItems {
  /** Rows that are removed. */
  readonly removedNamespaces: readonly string[]
  readonly removedKeys: readonly string[]
  /** The namespaces whose number of rows changes, and by how much. */
  readonly countedNamespaces: readonly string[]
  readonly rowsMore: readonly number[]
  /** The records of the requests that have an Idempotency-Key. */
  readonly recordIds: readonly string[]
  readonly fingerprints: readonly string[]
  /** JSON texts. */
  readonly results: readonly string[]
  readonly recordSeconds: number
}

/** Writes the items and the records of a group of transactions. Does nothing outside the transaction that it is meant for. */
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
        ${p.namespaces}::text[], ${p.keys}::text[], ${p.values}::text[], ${p.versions}::bigint[],
        ${p.createdVersions}::bigint[], ${p.createdAts}::timestamptz[],
        ${p.updatedAts}::timestamptz[], ${p.expiresAts}::timestamptz[]
      ) as w (namespace, key, value, version, created_version, created_at, updated_at, expires_at)
      where i.namespace = w.namespace and i.key = w.key and (select ours from guard)
    ), deleted as (
      delete from ${items} i
      using unnest(${p.removedNamespaces}::text[], ${p.removedKeys}::text[]) as r (namespace, key)
      where i.namespace = r.namespace and i.key = r.key and (select ours from guard)
    ), counted as (
      ${countRows(sql`
        select c.namespace, c.rows
        from unnest(${p.countedNamespaces}::text[], ${p.rowsMore}::int[]) as c (namespace, rows)
        cross join guard
        where guard.ours`)}
    ), recorded as (
      insert into ${idempotencyRecords} (id, fingerprint, format, result, expires_at)
      select r.id, r.fingerprint, ${recordFormat}, r.result::json, clock_timestamp() + ${p.recordSeconds}::int * interval '1 second'
      from unnest(${p.recordIds}::text[], ${p.fingerprints}::text[], ${p.results}::text[]) as r (id, fingerprint, result)
      cross join guard
      where guard.ours
      order by r.id collate "C"
    )
    select ours from guard`,
)
