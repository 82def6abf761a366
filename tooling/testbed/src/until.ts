/** Options of {@link until}. */
export interface UntilOptions {
  /** Milliseconds to wait. 20 seconds by default. */
  readonly timeoutMs?: number
  /** Names the condition in the error. Its source code by default. */
  readonly description?: string
}

/** Waits until `condition` holds. Checks it every 20 ms. @throws Error with the condition after `timeoutMs` milliseconds */
export const until = async (
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 20_000, description = String(condition) }: UntilOptions = {},
): Promise<void> => {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for: ${description}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
