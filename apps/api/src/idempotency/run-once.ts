import { type ErrorCode, errors } from '@holdfast/contracts'
import postgres from 'postgres'
import { ApiError, type ApiErrorExtensions } from '../http/api-error.js'
import type { IdempotencyKey } from '../http/operation-context.js'
import { Raced } from '../postgres/errors.js'
import type { Pool } from '../postgres/pool.js'
import { retryRaced } from '../postgres/retry.js'
import type { Replayable } from './idempotency-key.js'
import { getRecord, type KnownRecord, recordError } from './sql/idempotency-records.js'

/** The header that tells whether a response is that of an earlier request. */
export const replayedHeader = 'idempotency-replayed'

/** An error in an idempotency record. The name of its member `refused` must stay, because existing records have it. */
interface RecordedError {
  readonly code: ErrorCode
  readonly detail: string
  readonly version: string | null
  readonly extensions?: ApiErrorExtensions | undefined
}

const keyReused = (): ApiError =>
  new ApiError('idempotency_key_reused', 'Another request has this Idempotency-Key. Send a new key with each new request.')

const inProgress = (): ApiError =>
  new ApiError('idempotency_in_progress', 'The first request with this Idempotency-Key is still in progress.', { retryAfterSeconds: 1 })

/** Creates the error that was recorded. */
const recordedError = ({ code, detail, version, extensions }: RecordedError): ApiError =>
  new ApiError(code, detail, { version: version ?? undefined, extensions, headers: { [replayedHeader]: 'true' } })

/**
 * Returns the recorded result of a request.
 * @throws ApiError idempotency_key_reused, or the error that was recorded
 */
export const replayOf = <Row>(record: IdempotencyKey, known: KnownRecord): Row & Replayable => {
  const fingerprint = known.format === 1 ? record.firstFingerprint : record.fingerprint
  if (known.fingerprint !== fingerprint) throw keyReused()
  const row: Row & { refused?: RecordedError } = JSON.parse(known.result)
  if (row.refused !== undefined) throw recordedError(row.refused)
  return { ...row, replayed: true }
}

/** Whether errors of this code are recorded, because they depend on the state of an item. */
const isRecorded = (code: ErrorCode): boolean => errors[code].recorded

/** Whether PostgreSQL reported a unique violation: another connection wrote the record of the same key. */
const isTaken = (error: unknown): boolean =>
  error instanceof postgres.PostgresError && error.code === '23505' && error.table_name === 'idempotency_records'

/**
 * Creates a function that applies a write with an Idempotency-Key once, however often it is requested
 * (draft-ietf-httpapi-idempotency-key-header). The statement that applies the write also records it. This function rejects a request while
 * another one with its key runs in this process, and records errors, so that a rejected request stays rejected.
 */
export const createOnce = (pool: Pool, recordSeconds: number) => {
  const running = new Set<string>()

  /** Returns the recorded result of a key; undefined if it has no record. */
  const replay = async <Row>(key: IdempotencyKey, deadline: number): Promise<(Row & Replayable) | undefined> => {
    const [known] = await pool.run(getRecord, { recordId: key.id }, deadline)
    return known === undefined ? undefined : replayOf<Row>(key, known)
  }

  /** Records an error and throws it. Returns if the key has a record already. */
  const reject = async (key: IdempotencyKey, { code, message, details }: ApiError, deadline: number): Promise<void> => {
    const refused: RecordedError = { code, detail: message, version: details.version ?? null, extensions: details.extensions }
    const result = JSON.stringify({ refused })
    const [written] = await pool.run(recordError, { recordId: key.id, fingerprint: key.fingerprint, result, recordSeconds }, deadline)
    if (written !== undefined) throw new ApiError(code, message, { ...details, headers: { [replayedHeader]: 'false' } })
  }

  const attempt = async <Row>(key: IdempotencyKey, deadline: number, run: () => Promise<Row & Replayable>): Promise<Row & Replayable> => {
    try {
      return await run()
    } catch (error) {
      // The next attempt finds the record.
      if (isTaken(error)) throw new Raced({ cause: error })
      if (!(error instanceof ApiError) || !isRecorded(error.code) || error.details.headers !== undefined) throw error
      await reject(key, error, deadline)
      // Another process may have applied the request while this one waited for the item.
      const known = await replay<Row>(key, deadline)
      if (known === undefined) throw new Raced({ cause: error })
      return known
    }
  }

  return async <Row>(
    { idempotencyKey: key, deadline }: { readonly idempotencyKey: IdempotencyKey | undefined; readonly deadline: number },
    run: () => Promise<Row & Replayable>,
  ): Promise<Row & Replayable> => {
    if (key === undefined) return run()
    if (running.has(key.id)) throw inProgress()
    running.add(key.id)
    try {
      return await retryRaced(deadline, () => attempt(key, deadline, run))
    } finally {
      running.delete(key.id)
    }
  }
}

/** Applies a write once. */
export type Once = ReturnType<typeof createOnce>
