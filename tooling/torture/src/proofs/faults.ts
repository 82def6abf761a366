import { setTimeout as wait } from 'node:timers/promises'
import { type FaultBed, withFaultBed } from '../bed/fault-bed.ts'
import { type FaultName, faults } from '../faults/faults.ts'
import { type Answered, ask, chain } from '../faults/requests.ts'
import { type Extent, type Figures, roundsOf } from '../proof.ts'
import { promise } from '../violation.ts'

/** Callers that ask for everything, one request after another, while a fault lasts. */
const callers = 24
/** Between two requests of a caller: refusals come at once, and there is nothing to learn from more of them. Milliseconds. */
const pauseMs = 20
const recoveryMsMax = 5_000

interface Observed {
  responses: number
  rejections: number
  slowestMs: number
  recoveryMs: number
}

let chains = 0

/** Asks for everything again and again, beginning at another place each, until it is stopped. */
const startCallers = (url: string, seen: (response: Answered) => void): { stop: () => Promise<void> } => {
  let stopped = false
  const call = async (caller: number): Promise<void> => {
    for (let first = caller; !stopped; first = 0) {
      for (const asked of chain(`fault-${chains++}`).slice(first)) {
        if (stopped) return
        seen(await ask(url, asked))
        await wait(pauseMs)
      }
    }
  }
  const running = Promise.all(Array.from({ length: callers }, (_, n) => call(n % chain('').length)))
  running.catch(() => {})
  return {
    stop: async () => {
      stopped = true
      await running
    },
  }
}

/** Milliseconds until requests of every kind succeed. @throws Violation where that takes too long */
const recover = async (url: string): Promise<number> => {
  const started = performance.now()
  for (;;) {
    let failed = false
    for (const asked of chain(`fault-${chains++}`)) {
      if (!(await ask(url, asked)).succeeded) failed = true
      if (failed) break
    }
    const ms = performance.now() - started
    promise(ms <= recoveryMsMax, () => `${Math.round(ms)} ms after the end of the fault the service has not recovered`)
    if (!failed) return ms
    await wait(pauseMs)
  }
}

const observe = async (bed: FaultBed, name: FaultName, seconds: number, observed: Observed): Promise<void> => {
  await recover(bed.url)
  let rejections = 0
  const callersOfFault = startCallers(bed.url, ({ succeeded, ms }) => {
    observed.responses++
    if (!succeeded) rejections++
    observed.slowestMs = Math.max(observed.slowestMs, ms)
  })
  const end = await faults[name].begin(bed)
  await wait(seconds * 1_000)
  await end()
  observed.recoveryMs = Math.max(observed.recoveryMs, await recover(bed.url))
  await callersOfFault.stop()
  if (rejections === 0) throw new Error(`${name}: nothing was refused, so there was no fault`)
  observed.rejections += rejections
}

const proveFault = async (name: FaultName, extent: Extent, seconds: number): Promise<[string, string]> => {
  const observed: Observed = { responses: 0, rejections: 0, slowestMs: 0, recoveryMs: 0 }
  const another = roundsOf(extent)
  try {
    await withFaultBed(async (bed) => {
      while (another()) await observe(bed, name, seconds, observed)
    })
  } catch (error) {
    if (error instanceof Error) error.message = `${name} for ${seconds} s: ${error.message}`
    throw error
  }
  const ms = (figure: number) => `${Math.round(figure).toLocaleString('en-US')} ms`
  const { responses, rejections, slowestMs, recoveryMs } = observed
  return [
    `${name} for ${seconds} s`,
    `${responses} answers (${rejections} refusals, slowest ${ms(slowestMs)}, recovered in ${ms(recoveryMs)}) with`,
  ]
}

/**
 * Takes PostgreSQL's connections, holds a lock, stops PostgreSQL, and swallows all bytes between it and the service: every request must
 * be answered by its deadline as its contract says, and within 5 s after the fault requests of every kind must succeed. A round is
 * each of these faults once, each on servers of its own, all at the same time, because they do little but wait.
 */
export const proveFaults = async (extent: Extent, form: 'seconds' | 'shortSeconds' = 'seconds'): Promise<Figures> => {
  const names = Object.keys(faults) as FaultName[]
  // All of them end, whatever becomes of one, so that each takes down what it has put up.
  const settled = await Promise.allSettled(names.map((name) => proveFault(name, extent, faults[name][form])))
  return Object.fromEntries(
    settled.map((proven) => {
      if (proven.status === 'rejected') throw proven.reason
      return proven.value
    }),
  )
}
