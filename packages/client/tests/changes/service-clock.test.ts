import { describe, expect, test, vi } from 'vitest'
import { createServiceClock } from '../../src/changes/service-clock.js'

const hour = 3_600_000

/** Returns the headers of a response that a service with this time sends. */
const sentBy = (serviceNow: number): Headers => new Headers({ date: new Date(serviceNow).toUTCString() })

describe('the clock of the service', () => {
  test.each([-hour, hour])('is known from the Date header, within a second and never ahead, if it differs by %i ms', (offset) => {
    const clock = createServiceClock()
    clock.compare(sentBy(Date.now() + offset), Date.now())
    const behind = Date.now() + offset - clock.now()
    expect(behind).toBeGreaterThanOrEqual(-5)
    expect(behind).toBeLessThanOrEqual(1_005)
  })

  test('is the local clock if both agree, or if there is no Date header', () => {
    for (const headers of [sentBy(Date.now()), new Headers()]) {
      const clock = createServiceClock()
      clock.compare(headers, Date.now() - 100)
      expect(Math.abs(clock.now() - Date.now())).toBeLessThanOrEqual(5)
    }
  })

  test('is never behind a time that has passed', () => {
    const clock = createServiceClock()
    clock.hasPassed(new Date(Date.now() + hour).toISOString())
    expect(Math.abs(clock.now() - Date.now() - hour)).toBeLessThanOrEqual(5)
    const before = clock.now()
    clock.hasPassed(new Date(Date.now() - hour).toISOString())
    expect(clock.now()).toBeGreaterThanOrEqual(before)
  })

  test('does not change with the local clock between comparisons', () => {
    const clock = createServiceClock()
    const before = Date.now()
    vi.setSystemTime(before + hour)
    try {
      expect(clock.now() - before).toBeLessThan(60_000)
    } finally {
      vi.useRealTimers()
    }
  })
})
