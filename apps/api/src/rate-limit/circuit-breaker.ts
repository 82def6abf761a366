import { withTimeout } from '../lib/with-timeout.js'

export interface CircuitBreakerOptions {
  /** How long a call may take. Milliseconds. */
  readonly patienceMs: number
  /** Makes a call that shows whether others would succeed. */
  readonly probe: () => Promise<unknown>
  /** Between probes that fail. Milliseconds. */
  readonly pauseMs: number
  readonly onOpen: (cause: unknown) => void
  readonly onClose: () => void
}

export interface CircuitBreaker {
  /** Makes a call; rejects where it fails or takes too long, and at once while the circuit is open. */
  readonly guard: <T>(call: () => Promise<T>) => Promise<T>
  /** Ends the probing. */
  readonly stop: () => void
}

/**
 * Stops calling what failed or became slow, so that no caller waits for it, and probes until it answers in time again.
 */
export const createCircuitBreaker = ({ patienceMs, probe, pauseMs, onOpen, onClose }: CircuitBreakerOptions): CircuitBreaker => {
  let open = false
  let stopped = false

  const respondsInTime = async (): Promise<boolean> => {
    const started = performance.now()
    try {
      await probe()
      return performance.now() - started <= patienceMs
    } catch {
      return false
    }
  }

  const closeWhenWell = async (): Promise<void> => {
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
    closeWhenWell()
  }

  return {
    guard: async (call) => {
      if (open) throw new Error('the circuit is open')
      try {
        const settled = await withTimeout(
          call().then((value) => ({ value })),
          patienceMs,
        )
        if (settled === undefined) throw new Error(`no response within ${patienceMs} ms`)
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
