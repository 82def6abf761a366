/** How errors of one class are retried. Errors of other classes are final. */
export interface RetryRule {
  readonly error: abstract new (...args: never[]) => Error
  /** Retries at once, or after a growing, jittered delay. */
  readonly delay: 'none' | 'growing'
  /** Milliseconds that must remain before the deadline when another attempt starts. Default: 0. */
  readonly minRemainingMs?: number
  /** Milliseconds after the first attempt within which another one may start. Default: no limit. */
  readonly retryMs?: number
}

const delayMs = (attempts: number): number => Math.min(10 * 2 ** attempts, 200) * (0.5 + Math.random())

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Runs `attempt` until it succeeds, fails with an error that no rule retries, or runs out of time.
 * @param deadline of the request, on the clock of `performance.now()`
 * @throws the error of the last attempt
 */
export const retry = async <T>(deadline: number, rules: readonly RetryRule[], attempt: () => Promise<T>): Promise<T> => {
  const started = performance.now()
  for (let attempts = 0; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      const rule = rules.find((each) => error instanceof each.error)
      if (rule === undefined) throw error
      const { delay, minRemainingMs = 0, retryMs = Number.POSITIVE_INFINITY } = rule
      const pauseMs = delay === 'none' ? 0 : delayMs(attempts)
      if (performance.now() + pauseMs >= Math.min(deadline - minRemainingMs, started + retryMs)) throw error
      if (pauseMs > 0) await sleep(pauseMs)
    }
  }
}
