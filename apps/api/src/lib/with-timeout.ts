/**
 * Waits for a promise, but no longer than `timeoutMs`.
 * @param timeoutMs milliseconds
 * @returns the value of the promise, or undefined after the timeout
 * @throws the promise's error, if it rejects in time
 */
export const withTimeout = async <T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<undefined>((resolve) => {
    // One turn of the event loop later, so that a result which arrived while this process was busy still counts.
    timer = setTimeout(() => setImmediate(resolve, undefined), timeoutMs)
  })
  return await Promise.race([promise, timeout]).finally(() => clearTimeout(timer))
}
