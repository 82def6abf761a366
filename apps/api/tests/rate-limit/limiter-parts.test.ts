import { stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { until } from '@holdfast/testbed/until'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCircuitBreaker } from '../../src/rate-limit/circuit-breaker.js'
import { rememberExhausted } from '../../src/rate-limit/exhausted-clients.js'
import { withLeases } from '../../src/rate-limit/leases.js'
import type { CountRequest } from '../../src/rate-limit/limiter.js'

/** Creates a counter that several processes share. It responds later, and allows either all requests of a call or none. */
const sharedCounter = (limit: number, resetMs = 600_000) => {
  let used = 0
  const counted: number[] = []
  const count: CountRequest = async (_client, requests = 1) => {
    counted.push(requests)
    used += requests
    const state = { allowed: used <= limit, remaining: Math.max(0, limit - used), resetMs }
    await setImmediate()
    return state
  }
  return { count, counted }
}

describe('leases', () => {
  test('admit at most the limit and hardly less, for any distribution of requests', async () => {
    const limits = fc.integer({ min: 1, max: 3_000 })
    const processCounts = fc.integer({ min: 1, max: 4 })
    const picks = fc.array(fc.nat(), { minLength: 8, maxLength: 64 })
    await fc.assert(
      fc.asyncProperty(limits, processCounts, picks, async (limit, processes, picked) => {
        const { count } = sharedCounter(limit)
        const counters = Array.from({ length: processes }, () => withLeases(count))
        let admitted = 0
        for (let sent = 0; sent < limit + 200 * processes; ) {
          const batch = picked.map((pick) => counters[(pick + sent) % processes] as CountRequest)
          const responses = await Promise.all(batch.map((each) => each('client')))
          admitted += responses.filter(({ allowed }) => allowed).length
          sent += batch.length
        }
        expect(admitted).toBeLessThanOrEqual(limit)
        expect(admitted).toBeGreaterThanOrEqual(limit - (limit < 128 ? 0 : (processes * limit) / 64))
      }),
      { numRuns: 60 },
    )
  })

  test('avoid most queries while many requests are left', async () => {
    const { count, counted } = sharedCounter(1_000_000)
    const leased = withLeases(count)
    for (let n = 0; n < 1_000; n++) expect((await leased('client')).remaining).toBe(999_999 - n)
    expect(counted.length).toBe(2)
  })

  test('are not created beyond the maximum number of clients, or used after their window', async () => {
    const { count, counted } = sharedCounter(1_000_000)
    const leased = withLeases(count, 1)
    for (let n = 0; n < 10; n++) await leased('first')
    for (let n = 0; n < 10; n++) await leased('second')
    expect(counted.length).toBe(2 + 10)
    const expired = sharedCounter(1_000_000, 0)
    const unleased = withLeases(expired.count)
    for (let n = 0; n < 10; n++) await unleased('client')
    expect(expired.counted.length).toBe(10)
  })

  test('admit no request if others have used the remaining requests', async () => {
    const { count } = sharedCounter(10_000)
    const leased = withLeases(count)
    await leased('client')
    await count('client', 9_990)
    for (let n = 0; n < 3; n++) expect(await leased('client')).toMatchObject({ allowed: false, remaining: 0 })
  })

  test('fail with the counter, and work again after it recovers', async () => {
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

test('an exhausted client is rejected without a count, except beyond the maximum number of clients', async () => {
  const { count, counted } = sharedCounter(1)
  const { count: limited, exhausted } = rememberExhausted(count, 1)
  expect(exhausted('one')).toBeUndefined()
  expect(await limited('one')).toMatchObject({ allowed: true, remaining: 0 })
  expect(exhausted('one')).toMatchObject({ allowed: false, remaining: 0 })
  expect(await limited('one')).toMatchObject({ allowed: false })
  expect(counted.length).toBe(1)
  for (let n = 0; n < 2; n++) expect(await limited('other')).toMatchObject({ allowed: false })
  expect(counted.length).toBe(3)
})

describe('the circuit breaker', () => {
  const setUp = (timeoutMs: number) => {
    let healthy = true
    const stats = { probes: 0, calls: 0, opened: 0, closed: 0 }
    const respond = () => (healthy ? Promise.resolve('done') : new Promise<string>(() => {}))
    const breaker = createCircuitBreaker({
      timeoutMs,
      pauseMs: 1,
      probe: async () => {
        stats.probes++
        if (!healthy) throw new Error('still unhealthy')
      },
      onOpen: () => stats.opened++,
      onClose: () => stats.closed++,
    })
    const call = () => {
      stats.calls++
      return respond()
    }
    return { breaker, stats, call, setHealthy: (value: boolean) => (healthy = value) }
  }

  test('opens when a call hangs, makes no calls while open, and closes when a probe succeeds', async () => {
    const { breaker, stats, call, setHealthy } = setUp(10)
    expect(await breaker.guard(call)).toBe('done')
    setHealthy(false)
    await expect(breaker.guard(call)).rejects.toThrow('no response within 10 ms')
    await expect(breaker.guard(call)).rejects.toThrow('the circuit is open')
    expect(stats).toMatchObject({ calls: 2, opened: 1, closed: 0 })
    setHealthy(true)
    await until(() => stats.closed === 1)
    expect(await breaker.guard(call)).toBe('done')
    breaker.stop()
  })

  test('accepts a response that arrived in time while the process was busy', async () => {
    const { breaker } = setUp(10)
    const busy = () => {
      const end = performance.now() + 40
      while (performance.now() < end);
    }
    // The event loop continues with timers. It processes the response only after them.
    await setImmediate()
    const responded = breaker.guard(() => stat('.'))
    busy()
    expect((await responded).isDirectory()).toBe(true)
    breaker.stop()
  })

  test('sends no probes after a stop', async () => {
    const { breaker, stats, call, setHealthy } = setUp(1)
    setHealthy(false)
    await expect(breaker.guard(call)).rejects.toThrow()
    await until(() => stats.probes > 2)
    breaker.stop()
    await until(async () => {
      const before = stats.probes
      for (let n = 0; n < 20; n++) await setImmediate()
      return stats.probes === before
    })
    expect(stats.closed).toBe(0)
  })
})
