import { sql } from 'drizzle-orm'
import { recordFormat } from '../../idempotency/sql/record-format.js'
import { idempotencyRecords, items } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import { countRows } from './count-rows.js'

/** The record of a deletion in batches. */
export interface DeletionRecord {
  readonly recordId: string
  readonly fingerprint: string
  readonly recordSeconds: number
}

/** Records that a deletion has started, unless it has a record. Returns a row if it did. */
export const beginDeletion = defineStatement<DeletionRecord, { readonly id: string }>(
  'write',
  (p) => sql`
    insert into ${idempotencyRecords} (id, fingerprint, format, result, expires_at)
    values (${p.recordId}::text, ${p.fingerprint}::text, ${recordFormat}, '{"deleted":0,"unfinished":true}',
      clock_timestamp() + ${p.recordSeconds}::int * interval '1 second')
    on conflict (id) do nothing
    returning id`,
)

/** A range of keys from `first` (inclusive) to `until` (exclusive), of which at most `limit` rows are deleted. */
export interface DeleteRange {
  readonly namespace: string
  readonly first: string
  readonly until: string
  readonly limit: number
  /** Null without an Idempotency-Key. */
  readonly recordId: string | null
}

/** How many rows were deleted, how many of them were live, and the last key, where the next batch starts. */
export interface DeleteRangeRow {
  readonly removed: number
  readonly live: number
  readonly last_key: string | null
}

/**
 * Deletes the first rows of a range, in key order. The same transaction adds the batch to the record of the request. A batch with fewer
 * rows than `limit` is the last one and finishes the record. If another connection has finished it, nothing is deleted.
 */
export const deleteRange = defineStatement<DeleteRange, DeleteRangeRow>(
  'write',
  (p) => sql`
    with record as materialized (
      select r.id, (r.result ->> 'deleted')::int as deleted, r.result ->> 'unfinished' is not null as unfinished
      from ${idempotencyRecords} r where r.id = ${p.recordId}::text
      for update
    ), gate as materialized (
      select ${p.recordId}::text is null or coalesce((select unfinished from record), false) as open
    ), locked as materialized (
      select i.namespace, i.key
      from ${items} i
      where i.namespace = ${p.namespace}::text and i.key >= ${p.first}::text and i.key < ${p.until}::text
        and (select open from gate)
      order by i.namespace, i.key
      limit ${p.limit}::int
      for update
    ), clock as materialized (
      select clock_timestamp() as now from (select count(*) from locked) waited
    ), deleted as (
      delete from ${items} i using locked
      where i.namespace = locked.namespace and i.key = locked.key
      returning i.namespace, i.key, i.expires_at
    ), counted as (
      ${countRows(sql`select namespace, -1 as rows from deleted`)}
    ), responded as materialized (
      select count(d.key)::int as removed, max(d.key collate "C") as last_key,
        (count(d.key) filter (where d.expires_at is null or d.expires_at > clock.now))::int as live
      from clock left join deleted d on true
    ), recorded as (
      update ${idempotencyRecords} r
      set result = case
        when a.removed < ${p.limit}::int then json_build_object('deleted', record.deleted + a.live)
        else json_build_object('deleted', record.deleted + a.live, 'unfinished', true)
      end
      from record cross join responded a
      where r.id = record.id and record.unfinished
    )
    select * from responded`,
)
