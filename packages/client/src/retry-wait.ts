const capMs = 5_000

/**
 * Returns the wait of a Retry-After header in milliseconds (RFC 9110 section 10.2.3). The header has seconds or a date. A date is
 * compared with the Date header of the response, or with the local clock if there is none. Returns undefined if the header is missing
 * or invalid.
 */
export const retryAfterMs = (headers: Headers): number | undefined => {
  const header = headers.get('retry-after')?.trim()
  if (header === undefined || header === '') return undefined
  if (/^[0-9]+(\.[0-9]+)?$/.test(header)) return Math.ceil(Number(header) * 1000)
  const until = Date.parse(header)
  if (!/[a-z]/i.test(header) || Number.isNaN(until)) return undefined
  const sentAt = Date.parse(headers.get('date') ?? '')
  return Math.max(0, until - (Number.isNaN(sentAt) ? Date.now() : sentAt))
}

/**
 * Returns the milliseconds to wait before attempt `attempt` + 1. The backoff grows from 100 ms to 5 s with full jitter. After a 429 or
 * 503 without Retry-After, it grows from 1 s, and the wait is at least half of it. The wait is never less than Retry-After.
 * @see https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 */
export const retryWaitMs = (
  attempt: number,
  status: number | undefined,
  requestedWaitMs: number | undefined,
  random: () => number,
): number => {
  const backoff = (firstMs: number) => Math.min(capMs, firstMs * 2 ** (attempt - 1))
  if (requestedWaitMs !== undefined) return Math.max(requestedWaitMs, random() * backoff(100))
  if (status === 429 || status === 503) return (backoff(1_000) * (1 + random())) / 2
  return random() * backoff(100)
}
