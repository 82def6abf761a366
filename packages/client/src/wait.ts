import { after } from './after.js'

/**
 * Waits for `ms` milliseconds.
 * @throws the reason of a signal that is aborted before
 */
export const wait = (ms: number, signals: readonly (AbortSignal | undefined)[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const aborted = () => signals.find((signal) => signal?.aborted)
    const stop = () => {
      cancel()
      for (const signal of signals) signal?.removeEventListener('abort', end)
    }
    const end = () => {
      stop()
      const signal = aborted()
      if (signal === undefined) resolve()
      else reject(signal.reason)
    }
    // A timer may fire a fraction of a millisecond early.
    const cancel = after(Math.ceil(ms) + 1, end)
    for (const signal of signals) signal?.addEventListener('abort', end, { once: true })
    if (aborted() !== undefined) end()
  })
