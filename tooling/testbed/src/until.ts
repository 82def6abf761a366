/** Waits until a condition holds, looking every 20 ms; fails after `timeoutMs`. */
export const until = async (condition: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> => {
  const end = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('the awaited condition did not come to hold')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
