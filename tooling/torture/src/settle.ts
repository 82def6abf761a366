import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { ConnectionError, OutcomeUnknownError, TimeoutError, UnavailableError } from '@holdfast/client'
import { Violation } from './violation.ts'

/** How long a write may stay without an answer that tells; services come back within seconds. Milliseconds. */
const patienceMs = 120_000
/** Between a failed call and its repeat, whose own attempts have waited already. Milliseconds. */
const pauseMs = 50

/** Whether a call failed by what was done to the service, and may be repeated. */
export const isDisturbance = (error: unknown): boolean =>
  error instanceof OutcomeUnknownError ||
  error instanceof UnavailableError ||
  error instanceof ConnectionError ||
  error instanceof TimeoutError

/** Repeats a call until the service answers it, be it with a refusal. @throws what it is refused with */
export const insist = async <T>(call: () => Promise<T>, onRepeat = () => {}): Promise<T> => {
  const end = performance.now() + patienceMs
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!isDisturbance(error)) throw error
      if (performance.now() > end) throw new Violation(`a call was not answered within ${patienceMs} ms: ${error}`)
      onRepeat()
      await wait(pauseMs)
    }
  }
}

/** Makes a write under one Idempotency-Key and repeats it until it is known whether it was applied. @throws what it is refused with */
export const settle = <T>(write: (options: { readonly idempotencyKey: string }) => Promise<T>, onRepeat?: () => void): Promise<T> => {
  const idempotencyKey = randomUUID()
  return insist(() => write({ idempotencyKey }), onRepeat)
}
