import { sql } from 'drizzle-orm'
import { idempotencyRecords } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import { recordFormat } from './record-format.js'
import type { WriteFragments } from './with-idempotency.js'

/** The parameters of a recorded batch. The id is null if the request has no Idempotency-Key. */
export interface BatchRecord {
  readonly recordId: string | null
  readonly fingerprint: string | null
  readonly recordSeconds: number
}

/** The only row of a batch. */
export interface BatchRow {
  /** JSON text of a {@link BatchOutcomes}, or of a recorded error. */
  readonly result: string
  /** Of the record, if an earlier request applied the batch; null otherwise. */
  readonly fingerprint: string | null
  readonly format: number | null
}

/** The outcomes of a batch in the order of its elements. */
export interface BatchOutcomes<Row> {
  readonly outcomes: readonly Row[]
}

/**
 * Creates a statement that writes a batch once. If the batch has a record, it returns the recorded result. Otherwise it writes the batch
 * and its record. `offered` selects the elements with their `ordinal`; `effect` is further CTEs on `asked`, the elements to write;
 * `responded` selects their rows, with `ordinal`. The record is written last, as in other writes, so that statements cannot deadlock. If
 * another connection wrote the record meanwhile, the statement fails with a unique violation.
 */
export const batchWithIdempotency = <Params extends object>(write: WriteFragments<Params>) =>
  defineStatement<Params & BatchRecord, BatchRow>(
    'write',
    (p) => sql`
      with known as materialized (
        select r.fingerprint, r.format, r.result from ${idempotencyRecords} r where r.id = ${p.recordId}::text
      ), asked as materialized (
        select * from (${write.offered(p)}) offered where not exists (select from known)
      ), ${write.effect(p)}, responded as materialized (
        ${write.responded(p)}
      ), outcomes as materialized (
        select json_build_object('outcomes', coalesce(json_agg(to_json(a) order by a.ordinal), '[]')) as result from responded a
      ), recorded as (
        insert into ${idempotencyRecords} (id, fingerprint, format, result, expires_at)
        select ${p.recordId}::text, ${p.fingerprint}::text, ${recordFormat}, o.result,
          clock_timestamp() + ${p.recordSeconds}::int * interval '1 second'
        from outcomes o
        where ${p.recordId}::text is not null and not exists (select from known)
      )
      select o.result::text, null as fingerprint, null as format from outcomes o where not exists (select from known)
      union all
      select k.result::text, k.fingerprint, k.format from known k`,
  )
