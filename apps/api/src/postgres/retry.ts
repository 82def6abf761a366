import { deadlines } from './deadlines.js'
import { DatabaseConflict, DatabaseOverloaded, DatabaseUnavailable, OutcomeUnknown } from './errors.js'
import type { FailureClass } from './failure-class.js'
import type { Statement } from './statement.js'

/** How long a statement is retried if the server cannot be reached: long enough for a quick restart. Milliseconds. */
const unreachableRetryMs = 1_000
/** How much time before the deadline a retry after a conflict needs, so that PostgreSQL's lock timeout comes first. Milliseconds. */
const conflictMinRemainingMs = deadlines.lock + 500

export type StatementKind = Statement<never, never>['kind'] | 'transaction'

/**
 * Called after each attempt of a statement or a transaction.
 * @param started when it started, on the clock of `performance.now()`
 * @param failure how it failed, or undefined if it succeeded
 */
export type StatementObserver = (kind: StatementKind, started: number, failure: FailureClass | undefined) => void

/** The result of one attempt. `rejection` was thrown by the caller's own code. */
export type Attempt<T> =
  | { readonly result: T }
  | { readonly rejection: unknown }
  | { readonly failure: FailureClass; readonly cause: unknown }

export interface RetryOptions {
  readonly kind: StatementKind
  /** On the clock of `performance.now()`. */
  readonly deadline: number
  /** Whether conflicts with other transactions are retried. */
  readonly retryConflicts: boolean
  readonly observe: StatementObserver
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Returns a delay in milliseconds that doubles with each attempt, with jitter. */
const delayAfter = (attempts: number): number => Math.min(10 * 2 ** attempts, 200) * (0.5 + Math.random())

/**
 * Runs `attempt` until it succeeds, or until a retry is pointless or unsafe.
 * @throws DatabaseUnavailable, DatabaseOverloaded, DatabaseConflict, OutcomeUnknown, PostgreSQL's error if it rejects the statement, or the
 *   rejection of the attempt
 */
export const retry = async <T>(
  attempt: (timeoutMs: number) => Promise<Attempt<T>>,
  { kind, deadline, retryConflicts, observe }: RetryOptions,
): Promise<T> => {
  const unreachableUntil = Math.min(deadline, performance.now() + unreachableRetryMs)
  for (let attempts = 0; ; attempts++) {
    const started = performance.now()
    const attempted = await attempt(Math.max(1, Math.min(deadlines.query, deadline - started)))
    observe(kind, started, 'failure' in attempted ? attempted.failure : undefined)
    if ('result' in attempted) return attempted.result
    if ('rejection' in attempted) throw attempted.rejection
    const { failure, cause } = attempted
    if (failure === 'statement_error') throw cause
    if (failure === 'resources_exhausted') throw new DatabaseOverloaded('the database canceled the statement', { cause })
    if (failure === 'outcome_unknown') throw new OutcomeUnknown('the database did not confirm a write', { cause })
    const isConflict = failure === 'conflict'
    const retryUntil = isConflict ? deadline - conflictMinRemainingMs : unreachableUntil
    const delayMs = delayAfter(attempts)
    if ((isConflict && !retryConflicts) || performance.now() + delayMs >= retryUntil) {
      throw isConflict
        ? new DatabaseConflict('other transactions kept the rows locked', { cause })
        : new DatabaseUnavailable('the database cannot be reached', { cause })
    }
    await sleep(delayMs)
  }
}
