import { describe, expect, it } from 'vitest'
import { createSingleFlight, singleFlight } from '../../src/lib/single-flight.js'

const tick = () => new Promise((resolve) => setImmediate(resolve))

describe('single flight', () => {
  it('runs once for concurrent calls with the same key', async () => {
    const share = createSingleFlight<number>()
    let runs = 0
    const run = async () => {
      await tick()
      return ++runs
    }
    expect(await Promise.all([share('a', run), share('a', run), share('b', run)])).toEqual([1, 1, 2])
  })

  it('runs again once the call in flight has settled', async () => {
    let runs = 0
    const run = singleFlight(async () => ++runs)
    expect([await run(), await run()]).toEqual([1, 2])
  })

  it('rejects all concurrent calls with the same error and runs again afterwards', async () => {
    const error = new Error('failed')
    let runs = 0
    const run = singleFlight(async () => {
      if (++runs === 1) throw error
      return runs
    })
    const results = await Promise.allSettled([run(), run()])
    expect(results.map((result) => result.status === 'rejected' && result.reason)).toEqual([error, error])
    expect(await run()).toBe(2)
  })
})
