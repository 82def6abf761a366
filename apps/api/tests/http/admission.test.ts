import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAdmission } from '../../src/http/overload/admission.js'

describe('admission', () => {
  test('admits the requests that complete within the delay at the current throughput', () => {
    let at = 0
    const admission = createAdmission({ delayMs: 500, requestsMin: 10, now: () => at })
    for (let ms = 0; ms < 1_000; ms++) {
      at = ms
      admission.enter()
      admission.leave()
    }
    // The throughput is one request per millisecond.
    expect(admission.use().max).toBeGreaterThanOrEqual(500)
    expect(admission.use().max).toBeLessThan(520)
  })

  test('forgets an earlier throughput', () => {
    let at = 0
    const admission = createAdmission({ delayMs: 500, requestsMin: 10, now: () => at })
    for (let n = 0; n < 10_000; n++) admission.enter()
    for (let n = 0; n < 10_000; n++) {
      at = n / 10
      admission.leave()
    }
    expect(admission.use().max).toBeGreaterThan(4_000)
    for (let n = 0; n < 2; n++) {
      at += 10_000
      admission.enter()
      admission.leave()
    }
    expect(admission.use().max).toBe(10)
  })

  test('is open only below its maximum, which is never less than the minimum', () => {
    const steps = fc.array(fc.record({ enter: fc.boolean(), ms: fc.nat(300) }), { maxLength: 300 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 20 }), (all, requestsMin) => {
        let at = 0
        let inFlight = 0
        const admission = createAdmission({ delayMs: 100, requestsMin, now: () => at })
        for (const { enter, ms } of all) {
          at += ms
          if (enter && admission.isOpen()) {
            admission.enter()
            inFlight++
          } else if (inFlight > 0) {
            admission.leave()
            inFlight--
          }
          const use = admission.use()
          expect(use.inFlight).toBe(inFlight)
          expect(use.max).toBeGreaterThanOrEqual(requestsMin)
          expect(admission.isOpen()).toBe(inFlight < use.max)
        }
      }),
    )
  })
})
