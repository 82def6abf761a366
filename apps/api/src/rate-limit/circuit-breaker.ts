import { withTimeout } from '../lib/with-timeout.js'

export interface CircuitBreakerOptions {
  /** The time limit of a call. */
  readonly timeoutMs: number
  /** Makes a call whose success shows that other calls would succeed. */
  readonly probe: () => Promise<unknown>
  /** The pause after a failed probe. */
  readonly pauseMs: number
  readonly onOpen: (cause: unknown) => void
  readonly onClose: () => void
}

export interface CircuitBreaker {
  /** Makes a call. Rejects if the call fails or exceeds the time limit, and immediately while the circuit is open. */
  readonly guard: <T>(call: () => Promise<T>) => Promise<T>
  /** Stops the probes. */
  readonly stop: () => void
}

/** Creates a circuit breaker. The circuit opens when a call fails or exceeds the time limit, and closes when a probe succeeds in time. */
export const createCircuitBreaker = ({ timeoutMs, probe, pauseMs, onOpen, onClose }: CircuitBreakerOptions): CircuitBreaker => {
  let open = false
  let stopped = false

  const respondsInTime = async (): Promise<boolean> => {
    const started = performance.now()
    try {
      await probe()
      return performance.now() - started <= timeoutMs
    } catch {
      return false
    }
  }

  const closeWhenHealthy = async (): Promise<void> => {
    while (!(await respondsInTime())) {
      if (stopped) return
      await new Promise((resolve) => setTimeout(resolve, pauseMs).unref())
    }
    open = false
    if (!stopped) onClose()
  }

  const trip = (cause: unknown): void => {
    if (open || stopped) return
    open = true
    onOpen(cause)
    closeWhenHealthy()
  }

  return {
    guard: async (call) => {
      if (open) throw new Error('the circuit is open')
      try {
        const settled = await withTimeout(
          call().then((value) => ({ value })),
          timeoutMs,
        )
        if (settled === undefined) throw new Error(`no response within ${timeoutMs} ms`)
        return settled.value
      } catch (error) {
        trip(error)
        throw error
      }
    },
    stop: () => {
      stopped = true
    },
  }
}
