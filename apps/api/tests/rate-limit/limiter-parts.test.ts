import { stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { until } from '@holdfast/testbed/until'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCircuitBreaker } from '../../src/rate-limit/circuit-breaker.js'
import { rememberExhausted } from '../../src/rate-limit/exhausted-clients.js'
import { withLeases } from '../../src/rate-limit/leases.js'
import type { CountRequest } from '../../src/rate-limit/limiter.js'

/** A counter as services share it: answers later, and refuses what does not fit whole. */
const sharedCounter = (limit: number, resetMs = 600_000) => {
  let used = 0
  const asked: number[] = []
  const count: CountRequest = async (_client, requests = 1) => {
    asked.push(requests)
    used += requests
    const limitNow = { allowed: used <= limit, remaining: Math.max(0, limit - used), resetMs }
    await setImmediate()
    return limitNow
  }
  return { count, asked }
}

describe('leases', () => {
  test('admit no more than the limit, and few less, however requests are spread', async () => {
    const limits = fc.integer({ min: 1, max: 3_000 })
    const services = fc.integer({ min: 1, max: 4 })
    const picks = fc.array(fc.nat(), { minLength: 8, maxLength: 64 })
    await fc.assert(
      fc.asyncProperty(limits, services, picks, async (limit, number, picked) => {
        const { count } = sharedCounter(limit)
        const counters = Array.from({ length: number }, () => withLeases(count))
        let admitted = 0
        for (let asked = 0; asked < limit + 200 * number; ) {
          const some = picked.map((pick) => counters[(pick + asked) % number] as CountRequest)
          const responses = await Promise.all(some.map((each) => each('client')))
          admitted += responses.filter(({ allowed }) => allowed).length
          asked += some.length
        }
        expect(admitted).toBeLessThanOrEqual(limit)
        expect(admitted).toBeGreaterThanOrEqual(limit - (limit < 128 ? 0 : (number * limit) / 64))
      }),
      { numRuns: 60 },
    )
  })

  test('spare nearly all ways where much is left', async () => {
    const { count, asked } = sharedCounter(1_000_000)
    const leased = withLeases(count)
    for (let n = 0; n < 1_000; n++) expect((await leased('client')).remaining).toBe(999_999 - n)
    expect(asked.length).toBe(2)
  })

  test('are not taken beyond the cap on clients, nor used after their window', async () => {
    const { count, asked } = sharedCounter(1_000_000)
    const leased = withLeases(count, 1)
    for (let n = 0; n < 10; n++) await leased('first')
    for (let n = 0; n < 10; n++) await leased('second')
    expect(asked.length).toBe(2 + 10)
    const past = sharedCounter(1_000_000, 0)
    const unleased = withLeases(past.count)
    for (let n = 0; n < 10; n++) await unleased('client')
    expect(past.asked.length).toBe(10)
  })

  test('that are refused because others took what was left admit nobody', async () => {
    const { count } = sharedCounter(10_000)
    const leased = withLeases(count)
    await leased('client')
    await count('client', 9_990)
    for (let n = 0; n < 3; n++) expect(await leased('client')).toMatchObject({ allowed: false, remaining: 0 })
  })

  test('fail with the counter, and are taken again when it is back', async () => {
    const { count } = sharedCounter(10_000)
    let broken = false
    const leased = withLeases((client, requests) => (broken ? Promise.reject(new Error('broken')) : count(client, requests)))
    await leased('client')
    broken = true
    await expect(leased('client')).rejects.toThrow('broken')
    broken = false
    expect((await leased('client')).allowed).toBe(true)
  })
})

test('who has used up is refused without being counted, and beyond the cap is counted', async () => {
  const { count, asked } = sharedCounter(1)
  const { count: limited, exhausted } = rememberExhausted(count, 1)
  expect(exhausted('one')).toBeUndefined()
  expect(await limited('one')).toMatchObject({ allowed: true, remaining: 0 })
  expect(exhausted('one')).toMatchObject({ allowed: false, remaining: 0 })
  expect(await limited('one')).toMatchObject({ allowed: false })
  expect(asked.length).toBe(1)
  for (let n = 0; n < 2; n++) expect(await limited('other')).toMatchObject({ allowed: false })
  expect(asked.length).toBe(3)
})

describe('the circuit breaker', () => {
  const setUp = (timeoutMs: number) => {
    let well = true
    const seen = { probes: 0, calls: 0, opened: 0, closed: 0 }
    const act = () => (well ? Promise.resolve('done') : new Promise<string>(() => {}))
    const breaker = createCircuitBreaker({
      timeoutMs,
      pauseMs: 1,
      probe: async () => {
        seen.probes++
        if (!well) throw new Error('still ill')
      },
      onOpen: () => seen.opened++,
      onClose: () => seen.closed++,
    })
    const call = () => {
      seen.calls++
      return act()
    }
    return { breaker, seen, call, beWell: (is: boolean) => (well = is) }
  }

  test('opens at what hangs, makes no call while it is open, and closes when a probe succeeds', async () => {
    const { breaker, seen, call, beWell } = setUp(10)
    expect(await breaker.guard(call)).toBe('done')
    beWell(false)
    await expect(breaker.guard(call)).rejects.toThrow('no response within 10 ms')
    await expect(breaker.guard(call)).rejects.toThrow('the circuit is open')
    expect(seen).toMatchObject({ calls: 2, opened: 1, closed: 0 })
    beWell(true)
    await until(() => seen.closed === 1)
    expect(await breaker.guard(call)).toBe('done')
    breaker.stop()
  })

  test('waits for an answer that came while this process was busy', async () => {
    const { breaker } = setUp(10)
    const busy = () => {
      const end = performance.now() + 40
      while (performance.now() < end);
    }
    // After this phase of the event loop come the timers, and only then what was answered.
    await setImmediate()
    const responded = breaker.guard(() => stat('.'))
    busy()
    expect((await responded).isDirectory()).toBe(true)
    breaker.stop()
  })

  test('probes no more once it is stopped', async () => {
    const { breaker, seen, call, beWell } = setUp(1)
    beWell(false)
    await expect(breaker.guard(call)).rejects.toThrow()
    await until(() => seen.probes > 2)
    breaker.stop()
    await until(async () => {
      const before = seen.probes
      for (let n = 0; n < 20; n++) await setImmediate()
      return seen.probes === before
    })
    expect(seen.closed).toBe(0)
  })
})
