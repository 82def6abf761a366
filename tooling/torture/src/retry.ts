import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { ConnectionError, OutcomeUnknownError, TimeoutError, UnavailableError } from '@holdfast/client'
import { Violation } from './violation.ts'

/** Time limit for the retries of a call. A disturbed service recovers within seconds. */
const retryLimitMs = 120_000
/** Delay before a retry. The client's own retries have already waited longer. */
const retryDelayMs = 50

/** Returns whether an error is an effect of a disturbance, so that the call may be retried. */
export const isTransientError = (error: unknown): boolean =>
  error instanceof OutcomeUnknownError ||
  error instanceof UnavailableError ||
  error instanceof ConnectionError ||
  error instanceof TimeoutError

/** Retries a call until the service accepts or rejects it. @throws the error of a rejection */
export const retryUntilResponse = async <T>(call: () => Promise<T>, onRetry = () => {}): Promise<T> => {
  const deadline = performance.now() + retryLimitMs
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!isTransientError(error)) throw error
      if (performance.now() > deadline) throw new Violation(`a call did not succeed within ${retryLimitMs} ms: ${error}`)
      onRetry()
      await wait(retryDelayMs)
    }
  }
}

/** Retries a write with the same Idempotency-Key until its outcome is known. @throws the error of a rejection */
export const retryWrite = <T>(write: (options: { readonly idempotencyKey: string }) => Promise<T>, onRetry?: () => void): Promise<T> => {
  const idempotencyKey = randomUUID()
  return retryUntilResponse(() => write({ idempotencyKey }), onRetry)
}
