import type { ErrorCode } from '@holdfast/contracts'
import postgres from 'postgres'
import { ApiError, type ApiErrorExtensions } from '../http/api-error.js'
import type { Replayable } from '../items/operation.js'
import type { Pool } from '../postgres/pool.js'
import type { IdempotencyKey } from './idempotency-key.js'
import { getRecord, type KnownRecord, recordError } from './sql/idempotency-records.js'

/** Says of an answer whether it is that of an earlier request. */
export const replayedHeader = 'idempotency-replayed'

/** A refusal as its record holds it. */
interface RecordedError {
  readonly code: ErrorCode
  readonly detail: string
  readonly version: string | null
  readonly extensions?: ApiErrorExtensions | undefined
}

const keyReused = (): ApiError =>
  new ApiError('idempotency_key_reused', 'another request was made with this Idempotency-Key; a new request needs a new key')

const inProgress = (): ApiError =>
  new ApiError('idempotency_in_progress', 'the first request with this Idempotency-Key has not ended yet', { retryAfterSeconds: 1 })

/** The refusal that a record holds, once more. */
const recordedError = ({ code, detail, version, extensions }: RecordedError): ApiError =>
  new ApiError(code, detail, { version: version ?? undefined, extensions, headers: { [replayedHeader]: 'true' } })

/**
 * What a record answers to a request with its key.
 * @throws ApiError idempotency_key_reused, or the refusal that was recorded
 */
export const replayOf = <Row>(record: IdempotencyKey, known: KnownRecord): Row & Replayable => {
  const fingerprint = known.format === 1 ? record.firstFingerprint : record.fingerprint
  if (known.fingerprint !== fingerprint) throw keyReused()
  const row: Row & { refused?: RecordedError } = JSON.parse(known.result)
  if (row.refused !== undefined) throw recordedError(row.refused)
  return { ...row, replayed: true }
}

/** Refusals that say what the item is, so that the same request could be answered otherwise later. */
const recordedCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'item_not_found',
  'item_exists',
  'precondition_failed',
  'not_a_number',
  'out_of_bounds',
  'ttl_required',
  'checks_failed',
])

/** PostgreSQL's unique_violation: another connection wrote the record meanwhile. */
const isTaken = (error: unknown): boolean =>
  error instanceof postgres.PostgresError && error.code === '23505' && error.table_name === 'idempotency_records'

/**
 * Makes what runs a write with an Idempotency-Key once, however often it is asked (draft-ietf-httpapi-idempotency-key-header). The
 * effect's own statement records it; here it is seen to that a request does not run twice at the same time in this service, and
 * that refusals are recorded too: a request that was refused stays refused.
 */
export const createOnce = (pool: Pool, recordSeconds: number) => {
  const running = new Set<string>()

  /** What a record answers; undefined where there is none. */
  const replay = async <Row>(record: IdempotencyKey, deadline: number): Promise<(Row & Replayable) | undefined> => {
    const [known] = await pool.run(getRecord, { recordId: record.id }, deadline)
    return known === undefined ? undefined : replayOf<Row>(record, known)
  }

  /** Records a refusal and throws it; undefined where the key has a record already. */
  const refuse = async (record: IdempotencyKey, { code, message, details }: ApiError, deadline: number): Promise<undefined> => {
    const refused: RecordedError = { code, detail: message, version: details.version ?? null, extensions: details.extensions }
    const result = JSON.stringify({ refused })
    const [written] = await pool.run(recordError, { recordId: record.id, fingerprint: record.fingerprint, result, recordSeconds }, deadline)
    if (written !== undefined) throw new ApiError(code, message, { ...details, headers: { [replayedHeader]: 'false' } })
  }

  const runOnce = async <Row>(
    record: IdempotencyKey,
    deadline: number,
    run: () => Promise<Row & Replayable>,
  ): Promise<Row & Replayable> => {
    for (;;) {
      try {
        return await run()
      } catch (error) {
        // The statement that is run again sees the record.
        if (isTaken(error) && performance.now() < deadline) continue
        if (!(error instanceof ApiError) || !recordedCodes.has(error.code) || error.details.headers !== undefined) throw error
        // Another service may have applied the request while this one waited for the item.
        const known = (await refuse(record, error, deadline)) ?? (await replay<Row>(record, deadline))
        if (known !== undefined) return known
      }
    }
  }

  const guarded = async <Row>(
    record: IdempotencyKey,
    deadline: number,
    run: () => Promise<Row & Replayable>,
  ): Promise<Row & Replayable> => {
    if (running.has(record.id)) throw inProgress()
    running.add(record.id)
    try {
      return await runOnce(record, deadline, run)
    } finally {
      running.delete(record.id)
    }
  }

  return <Row>(record: IdempotencyKey | undefined, deadline: number, run: () => Promise<Row & Replayable>): Promise<Row & Replayable> =>
    record === undefined ? run() : guarded(record, deadline, run)
}
