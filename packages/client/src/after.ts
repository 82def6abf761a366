/** Timers run at once if their delay has more bits than this. */
const delayMax = 2 ** 31 - 1

/**
 * Runs something once after a delay, which may be longer than 24.8 days; never for `Infinity`.
 * @param ms milliseconds
 * @param background whether the timer should not keep a process alive that has nothing else to do
 * @returns what cancels it
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
