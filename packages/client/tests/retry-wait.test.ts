import { describe, expect, test } from 'vitest'
import { retryAfterMs, retryWaitMs } from '../src/retry-wait.js'

const after = (headers: Record<string, string>) => retryAfterMs(new Headers(headers))

describe('Retry-After', () => {
  test.each([
    ['0', 0],
    ['3', 3_000],
    [' 120 ', 120_000],
    ['1.5', 1_500],
  ])('%j is read as seconds', (header, ms) => expect(after({ 'retry-after': header })).toBe(ms))

  test('a date is compared with the Date header of the response', () => {
    const headers = { 'retry-after': 'Sat, 21 Nov 2026 07:28:07 GMT', date: 'Sat, 21 Nov 2026 07:28:00 GMT' }
    expect(after(headers)).toBe(7_000)
    expect(after({ ...headers, date: 'Sat, 21 Nov 2026 07:29:00 GMT' })).toBe(0)
  })

  test('a date is compared with the local clock if there is no Date header', () => {
    const ms = after({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() }) ?? 0
    expect(ms).toBeGreaterThan(50_000)
    expect(ms).toBeLessThanOrEqual(60_000)
  })

  test.each(['', 'soon', '-1', '1e3', '0x10', 'NaN'])('%j is ignored', (header) => expect(after({ 'retry-after': header })).toBe(undefined))
})

describe('the wait before a retry', () => {
  const waits = (status: number | undefined, requestedMs: number | undefined, random: number) =>
    [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => retryWaitMs(attempt, status, requestedMs, () => random))

  test('grows from 100 ms to 5 s with full jitter', () => {
    expect(waits(500, undefined, 1)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000])
    expect(waits(undefined, undefined, 0)).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  })

  test.each([429, 503])('after %i without Retry-After grows from 1 s with equal jitter', (status) => {
    expect(waits(status, undefined, 1)).toEqual([1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000])
    expect(waits(status, undefined, 0)).toEqual([500, 1000, 2000, 2500, 2500, 2500, 2500, 2500])
  })

  test('is never shorter than Retry-After', () => {
    expect(waits(503, 2_000, 0)).toEqual(Array(8).fill(2_000))
    expect(waits(429, 2_000, 1)).toEqual([2000, 2000, 2000, 2000, 2000, 3200, 5000, 5000])
  })
})
