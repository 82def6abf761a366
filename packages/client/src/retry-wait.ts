const capMs = 5_000

/**
 * Milliseconds that a Retry-After header asks for (RFC 9110 section 10.2.3): seconds, or a date, which is measured by the
 * answer's own clock where it has one. Undefined where there is none or it cannot be read.
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
 * Milliseconds to wait before attempt `attempt` + 1. Backoff grows from 100 ms to 5 s with full jitter; an answer that
 * says "too much" without saying for how long (429, 503) gets at least half of one that grows from 1 s. What a
 * Retry-After asks for is never shortened.
 * @see https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 */
export const retryWaitMs = (attempt: number, status: number | undefined, askedMs: number | undefined, random: () => number): number => {
  const backoff = (firstMs: number) => Math.min(capMs, firstMs * 2 ** (attempt - 1))
  if (askedMs !== undefined) return Math.max(askedMs, random() * backoff(100))
  if (status === 429 || status === 503) return (backoff(1_000) * (1 + random())) / 2
  return random() * backoff(100)
}
