import { sql } from 'drizzle-orm'
import { idempotencyRecords } from '../../postgres/schema.js'
import { defineStatement } from '../../postgres/statement.js'
import { recordFormat } from './record-format.js'

/** The error of a write with an Idempotency-Key. */
export interface RecordError {
  readonly recordId: string
  readonly fingerprint: string
  /** JSON text. */
  readonly result: string
  readonly recordSeconds: number
}

/** Records an error unless the key has a record. Returns a row if it did. */
export const recordError = defineStatement<RecordError, { id: string }>(
  'write',
  (p) => sql`
    insert into ${idempotencyRecords} (id, fingerprint, format, result, expires_at)
    values (${p.recordId}::text, ${p.fingerprint}::text, ${recordFormat}, ${p.result}::text::json,
      clock_timestamp() + ${p.recordSeconds}::int * interval '1 second')
    on conflict (id) do nothing
    returning id`,
)

/** An idempotency record. */
export interface KnownRecord {
  readonly fingerprint: string
  readonly format: number
  /** JSON text. */
  readonly result: string
}

/** Reads the record of a key. */
export const getRecord = defineStatement<{ readonly recordId: string }, KnownRecord>(
  'read',
  (p) => sql`select r.fingerprint, r.format, r.result::text from ${idempotencyRecords} r where r.id = ${p.recordId}::text`,
)

/** Reads the records of several keys. */
export const getRecords = defineStatement<{ readonly recordIds: readonly string[] }, KnownRecord & { readonly id: string }>(
  'read',
  (p) => sql`
    select r.id, r.fingerprint, r.format, r.result::text from ${idempotencyRecords} r where r.id = any (${p.recordIds}::text[])`,
)
