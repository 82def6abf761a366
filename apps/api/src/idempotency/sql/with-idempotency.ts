import { type SQL, sql } from 'drizzle-orm'
import { idempotencyRecords } from '../../postgres/schema.js'
import { defineStatement, type Fragment } from '../../postgres/statement.js'
import { recordFormat } from './record-format.js'

/** The parameters of recorded writes. Element n of each array belongs to write n. */
export interface Records {
  readonly recordIds: readonly string[]
  readonly fingerprints: readonly string[]
  /** How long records are kept. Seconds. */
  readonly recordSeconds: number
}

/** A row of a recorded write. `response` is the row of the plain statement as JSON, of this request or of an earlier one. */
export interface RecordedRow {
  readonly ordinal: number
  readonly response: string
  /** Of the record, if an earlier request applied the write; null otherwise. */
  readonly fingerprint: string | null
  readonly format: number | null
}

/** The parts of a statement that writes. */
export interface WriteFragments<Params> {
  /** Selects the writes, with their `ordinal`. */
  readonly offered: Fragment<Params>
  /** CTEs that apply the writes of `asked`. */
  readonly effect: Fragment<Params>
  /** Selects the rows of the response, with their `ordinal`. */
  readonly responded: Fragment<Params>
}

/**
 * Creates a statement whose writes are applied once. A write whose key has a record returns the recorded row. The others are applied and
 * recorded in one transaction. `done` tells which rows of `outcome` are recorded. Records are written last and in order, so that batches
 * cannot deadlock. If another connection wrote one of them meanwhile, the statement fails with a unique violation.
 */
export const withIdempotency = <Params extends object>(write: WriteFragments<Params> & { readonly done: SQL }) =>
  defineStatement<Params & Records, RecordedRow>(
    'write',
    (p) => sql`
      with offered as materialized (
        select o.*, r.record_id, r.fingerprint
        from (${write.offered(p)}) o
        join unnest(${p.recordIds}::text[], ${p.fingerprints}::text[]) with ordinality as r (record_id, fingerprint, ordinal)
          on r.ordinal = o.ordinal
      ), known as materialized (
        select o.ordinal, r.fingerprint, r.format, r.result
        from offered o join ${idempotencyRecords} r on r.id = o.record_id
      ), asked as materialized (
        select * from offered where not exists (select from known where known.ordinal = offered.ordinal)
      ), ${write.effect(p)}, outcome as materialized (
        ${write.responded(p)}
      ), response as materialized (
        select a.ordinal, ${write.done} as done, to_json(a) as result from outcome a
      ), recorded as (
        insert into ${idempotencyRecords} (id, fingerprint, format, result, expires_at)
        select o.record_id, o.fingerprint, ${recordFormat}, a.result, clock_timestamp() + ${p.recordSeconds}::int * interval '1 second'
        from response a join offered o on o.ordinal = a.ordinal
        where a.done
        order by o.record_id
      )
      select a.ordinal::int, a.result::text as response, null as fingerprint, null as format from response a
      union all
      select k.ordinal::int, k.result::text, k.fingerprint, k.format from known k`,
  )
