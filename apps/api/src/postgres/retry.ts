import { type RetryRule, retry } from '../lib/retry.js'
import { deadlines } from './deadlines.js'
import { DatabaseConflict, DatabaseUnavailable, failureError, Raced } from './errors.js'
import type { FailureClass } from './failure-class.js'
import type { Statement } from './statement.js'

/** How much time before its deadline a statement needs, so that PostgreSQL's lock timeout comes first. Milliseconds. */
export const lockMinRemainingMs = deadlines.lock + 500

/** The errors that are retried, and how. All others are final. */
const rules = {
  /** Long enough for a quick restart of the database. */
  unavailable: { error: DatabaseUnavailable, delay: 'growing', retryMs: 1_000 },
  conflict: { error: DatabaseConflict, delay: 'growing', minRemainingMs: lockMinRemainingMs },
  raced: { error: Raced, delay: 'none' },
} as const satisfies Readonly<Record<string, RetryRule>>

/** Runs an operation of several statements, and starts again if it throws `Raced`, until the deadline. */
export const retryRaced = <T>(deadline: number, run: () => Promise<T>): Promise<T> => retry(deadline, [rules.raced], run)

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

/**
 * Runs `attempt` until it succeeds, or until a retry is pointless or unsafe.
 * @throws DatabaseUnavailable, DatabaseOverloaded, DatabaseConflict, OutcomeUnknown, PostgreSQL's error if it rejects the statement, or the
 *   rejection of the attempt
 */
export const retryStatement = <T>(
  attempt: (timeoutMs: number) => Promise<Attempt<T>>,
  { kind, deadline, retryConflicts, observe }: RetryOptions,
): Promise<T> =>
  retry(deadline, retryConflicts ? [rules.unavailable, rules.conflict] : [rules.unavailable], async () => {
    const started = performance.now()
    const attempted = await attempt(Math.max(1, Math.min(deadlines.query, deadline - started)))
    observe(kind, started, 'failure' in attempted ? attempted.failure : undefined)
    if ('result' in attempted) return attempted.result
    throw 'rejection' in attempted ? attempted.rejection : failureError(attempted.failure, attempted.cause)
  })
