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

const quickReconnectMs = 250
const reconnectMsMax = 10_000

/**
 * Returns the milliseconds to wait before a stream is opened again. A stream that broke is opened again quickly. If the service ended it,
 * as it does when it stops, the wait is spread over the time that the service sent in `retry`. After failures it doubles from there up to
 * 10 s, or `retry` if that is longer. All of these have jitter. `Retry-After` is added.
 * @param failures the number of connections in a row that made no progress
 */
export const reconnectWaitMs = (
  failures: number,
  { hasEnded, retryMs, requestedWaitMs = 0 }: { hasEnded: boolean; retryMs: number; requestedWaitMs?: number | undefined },
  random: () => number,
): number => {
  if (failures === 0) return requestedWaitMs + random() * (hasEnded ? retryMs : quickReconnectMs)
  const backoff = Math.min(Math.max(reconnectMsMax, retryMs), retryMs * 2 ** (failures - 1))
  return requestedWaitMs + (backoff * (1 + random())) / 2
}
