/** The largest delay of a timer. Timers with larger delays fire immediately. */
const delayMax = 2 ** 31 - 1

/**
 * Runs a function once after a delay, which may be longer than 24.8 days. Never runs it for `Infinity`.
 * @param ms milliseconds
 * @param background whether a process may exit while it waits
 * @returns a function that cancels the timer
 */
export const after = (ms: number, run: () => void, background = false): (() => void) => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const arm = (leftMs: number) => {
    const stepMs = Math.min(leftMs, delayMax)
    timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : run()), stepMs)
    if (background) (timer as { unref?: () => void }).unref?.()
  }
  arm(ms)
  return () => clearTimeout(timer)
}
