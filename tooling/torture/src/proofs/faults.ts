import { setTimeout as wait } from 'node:timers/promises'
import { type FaultBed, withFaultBed } from '../bed/fault-bed.ts'
import { type FaultName, faults } from '../faults/faults.ts'
import { type RequestResult, requestSequence, sendRequest } from '../faults/requests.ts'
import { countRounds, type Extent, type Figures } from '../proof.ts'
import { assertHolds } from '../violation.ts'

/** Number of concurrent callers during a fault. */
const callers = 24
/** Delay between two requests of a caller, which avoids a busy loop while requests are rejected. */
const requestDelayMs = 20
const recoveryMsMax = 5_000

interface Observed {
  responses: number
  rejections: number
  slowestMs: number
  recoveryMs: number
}

let sequences = 0

/** Starts callers that send the request sequence repeatedly. Each starts at a different request. */
const startCallers = (url: string, onResult: (result: RequestResult) => void): { stop: () => Promise<void> } => {
  let stopped = false
  const call = async (caller: number): Promise<void> => {
    for (let first = caller; !stopped; first = 0) {
      for (const request of requestSequence(`fault-${sequences++}`).slice(first)) {
        if (stopped) return
        onResult(await sendRequest(url, request))
        await wait(requestDelayMs)
      }
    }
  }
  const running = Promise.all(Array.from({ length: callers }, (_, n) => call(n % requestSequence('').length)))
  running.catch(() => {})
  return {
    stop: async () => {
      stopped = true
      await running
    },
  }
}

/** Waits until requests of every kind succeed. Resolves with the time in milliseconds. @throws Violation if it takes too long */
const waitForRecovery = async (url: string): Promise<number> => {
  const started = performance.now()
  for (;;) {
    let failed = false
    for (const request of requestSequence(`fault-${sequences++}`)) {
      if (!(await sendRequest(url, request)).succeeded) failed = true
      if (failed) break
    }
    const ms = performance.now() - started
    assertHolds(ms <= recoveryMsMax, () => `the service has not recovered ${Math.round(ms)} ms after the end of the fault`)
    if (!failed) return ms
    await wait(requestDelayMs)
  }
}

const observe = async (bed: FaultBed, name: FaultName, seconds: number, observed: Observed): Promise<void> => {
  await waitForRecovery(bed.url)
  let rejections = 0
  const running = startCallers(bed.url, ({ succeeded, ms }) => {
    observed.responses++
    if (!succeeded) rejections++
    observed.slowestMs = Math.max(observed.slowestMs, ms)
  })
  const end = await faults[name].begin(bed)
  await wait(seconds * 1_000)
  await end()
  observed.recoveryMs = Math.max(observed.recoveryMs, await waitForRecovery(bed.url))
  await running.stop()
  if (rejections === 0) throw new Error(`${name}: no request was rejected, so the fault had no effect`)
  observed.rejections += rejections
}

const proveFault = async (name: FaultName, extent: Extent, seconds: number): Promise<[string, string]> => {
  const observed: Observed = { responses: 0, rejections: 0, slowestMs: 0, recoveryMs: 0 }
  const hasNextRound = countRounds(extent)
  try {
    await withFaultBed(async (bed) => {
      while (hasNextRound()) await observe(bed, name, seconds, observed)
    })
  } catch (error) {
    if (error instanceof Error) error.message = `${name} for ${seconds} s: ${error.message}`
    throw error
  }
  const ms = (figure: number) => `${Math.round(figure).toLocaleString('en-US')} ms`
  const { responses, rejections, slowestMs, recoveryMs } = observed
  return [
    `${name} for ${seconds} s`,
    `${responses} responses (${rejections} rejections, slowest ${ms(slowestMs)}, recovered in ${ms(recoveryMs)}) with`,
  ]
}

/**
 * Injects each fault between a service and its PostgreSQL. Every request must get a response by its
 * deadline that its contract declares, and requests of every kind must succeed within 5 s after the
 * fault. A round is every fault once. The faults run at the same time, each on a separate test bed,
 * because they need little CPU.
 */
export const proveFaults = async (extent: Extent, form: 'seconds' | 'shortSeconds' = 'seconds'): Promise<Figures> => {
  const names = Object.keys(faults) as FaultName[]
  // Wait for all of them even if one fails, so that each removes its test bed.
  const results = await Promise.allSettled(names.map((name) => proveFault(name, extent, faults[name][form])))
  return Object.fromEntries(
    results.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    }),
  )
}
