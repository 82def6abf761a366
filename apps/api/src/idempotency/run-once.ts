import type { ErrorCode } from '@holdfast/contracts'
import postgres from 'postgres'
import { Refusal, type RefusalExtensions } from '../http/api-error.js'
import type { Replayable, WriteRecord } from '../items/operation.js'
import type { Pool } from '../postgres/pool.js'
import { getRecord, type KnownRecord, recordRefusal } from './sql/idempotency-records.js'

/** Says of an answer whether it is that of an earlier request. */
export const replayedHeader = 'idempotency-replayed'

/** A refusal as its record holds it. */
interface RecordedRefusal {
  readonly code: ErrorCode
  readonly detail: string
  readonly version: string | null
  readonly extensions?: RefusalExtensions | undefined
}

const keyReused = (): Refusal =>
  new Refusal('idempotency_key_reused', 'another request was made with this Idempotency-Key; a new request needs a new key')

const inProgress = (): Refusal =>
  new Refusal('idempotency_in_progress', 'the first request with this Idempotency-Key has not ended yet', { retryAfterSeconds: 1 })

/** The refusal that a record holds, once more. */
const recordedRefusal = ({ code, detail, version, extensions }: RecordedRefusal): Refusal =>
  new Refusal(code, detail, { version: version ?? undefined, extensions, headers: { [replayedHeader]: 'true' } })

/**
 * What a record answers to a request with its key.
 * @throws Refusal idempotency_key_reused, or the refusal that was recorded
 */
export const replayOf = <Row>(record: WriteRecord, known: KnownRecord): Row & Replayable => {
  const fingerprint = known.format === 1 ? record.firstFingerprint : record.fingerprint
  if (known.fingerprint !== fingerprint) throw keyReused()
  const row: Row & { refused?: RecordedRefusal } = JSON.parse(known.result)
  if (row.refused !== undefined) throw recordedRefusal(row.refused)
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
  const replay = async <Row>(record: WriteRecord, deadline: number): Promise<(Row & Replayable) | undefined> => {
    const [known] = await pool.run(getRecord, { recordId: record.id }, deadline)
    return known === undefined ? undefined : replayOf<Row>(record, known)
  }

  /** Records a refusal and throws it; undefined where the key has a record already. */
  const refuse = async (record: WriteRecord, { code, message, details }: Refusal, deadline: number): Promise<undefined> => {
    const refused: RecordedRefusal = { code, detail: message, version: details.version ?? null, extensions: details.extensions }
    const result = JSON.stringify({ refused })
    const [written] = await pool.run(
      recordRefusal,
      { recordId: record.id, fingerprint: record.fingerprint, result, recordSeconds },
      deadline,
    )
    if (written !== undefined) throw new Refusal(code, message, { ...details, headers: { [replayedHeader]: 'false' } })
  }

  const runOnce = async <Row>(record: WriteRecord, deadline: number, run: () => Promise<Row & Replayable>): Promise<Row & Replayable> => {
    for (;;) {
      try {
        return await run()
      } catch (error) {
        // The statement that is run again sees the record.
        if (isTaken(error) && performance.now() < deadline) continue
        if (!(error instanceof Refusal) || !recordedCodes.has(error.code) || error.details.headers !== undefined) throw error
        // Another service may have applied the request while this one waited for the item.
        const known = (await refuse(record, error, deadline)) ?? (await replay<Row>(record, deadline))
        if (known !== undefined) return known
      }
    }
  }

  const guarded = async <Row>(record: WriteRecord, deadline: number, run: () => Promise<Row & Replayable>): Promise<Row & Replayable> => {
    if (running.has(record.id)) throw inProgress()
    running.add(record.id)
    try {
      return await runOnce(record, deadline, run)
    } finally {
      running.delete(record.id)
    }
  }

  return <Row>(record: WriteRecord | undefined, deadline: number, run: () => Promise<Row & Replayable>): Promise<Row & Replayable> =>
    record === undefined ? run() : guarded(record, deadline, run)
}
