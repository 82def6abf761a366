import { sql } from 'drizzle-orm'
import { idempotencyRecords, items } from '../../database/schema.js'
import { defineStatement } from '../../database/statement.js'
import { countRows } from './counts.js'

const { placeholder } = sql

/** A range of keys from `first` (inclusive) to `until` (exclusive), and how many of its rows to remove at the most. */
export interface DeleteRange {
  readonly namespace: string
  readonly first: string
  readonly until: string
  readonly limit: number
  /** The record of the request, written with the last batch; null where it has none. */
  readonly recordId: string | null
  readonly fingerprint: string | null
  readonly recordSeconds: number
  /** Live items that the batches before removed. */
  readonly deletedBefore: number
}

/** What the range lost: all rows, those of them that were live, and the last key, where the next batch begins. */
export interface DeleteRangeRow {
  readonly removed: number
  readonly live: number
  readonly last_key: string | null
}

/** Removes the first rows of a range of keys, in key order. Where these are all there are, the request is recorded in the same transaction. */
export const deleteRange = defineStatement<DeleteRange, DeleteRangeRow>(
  'write',
  sql`
    with locked as materialized (
      select i.namespace, i.key
      from ${items} i
      where i.namespace = ${placeholder('namespace')}::text and i.key >= ${placeholder('first')}::text and i.key < ${placeholder('until')}::text
      order by i.namespace, i.key
      limit ${placeholder('limit')}::int
      for update
    ), clock as materialized (
      select clock_timestamp() as now from (select count(*) from locked) waited
    ), deleted as (
      delete from ${items} i using locked
      where i.namespace = locked.namespace and i.key = locked.key
      returning i.namespace, i.key, i.expires_at
    ), counted as (
      ${countRows(sql`select namespace, -1 as rows from deleted`)}
    ), answered as materialized (
      select count(d.key)::int as removed, max(d.key collate "C") as last_key,
        (count(d.key) filter (where d.expires_at is null or d.expires_at > clock.now))::int as live
      from clock left join deleted d on true
    ), recorded as (
      insert into ${idempotencyRecords} (id, fingerprint, result, expires_at)
      select ${placeholder('recordId')}::text, ${placeholder('fingerprint')}::text, json_build_object('deleted', a.live + ${placeholder('deletedBefore')}::int),
        clock_timestamp() + ${placeholder('recordSeconds')}::int * interval '1 second'
      from answered a
      where ${placeholder('recordId')}::text is not null and a.removed < ${placeholder('limit')}::int
    )
    select * from answered`,
)
