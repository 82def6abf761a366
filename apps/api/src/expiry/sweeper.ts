import type { Logger } from '@holdfast/server-kit'
import { deadlines } from '../postgres/deadlines.js'
import type { Pool } from '../postgres/pool.js'
import type { Sweep } from './sql/sweep.js'
import { sweepSizes } from './sql/sweep.js'
import { apiKeySweep, recordSweep, requestCountSweep } from './sql/sweep-expired.js'
import { itemSweep } from './sql/sweep-items.js'

/** Is told of sweeps. */
export interface SweepObserver {
  /** Rows were removed. */
  readonly removed: (what: SweptRows, rows: number) => void
  /** A sweep has ended, which started at `started` as `performance.now()` counts. */
  readonly swept: (started: number, failed: boolean) => void
}

/** What is swept. */
const sweeps = [
  ['items', itemSweep],
  ['idempotency records', recordSweep],
  ['request counts', requestCountSweep],
  ['API keys', apiKeySweep],
] as const satisfies readonly (readonly [string, Sweep])[]
export type SweptRows = (typeof sweeps)[number][0]

/** A batch that takes less grows, one that takes more than four times as long shrinks. Milliseconds. */
const growBelowMs = 10
/** The shortest pause after a batch, and after a sweep that failed. Milliseconds. */
const pauseMs = 1
const failedPauseMs = 10_000

/** The index of the size of the next batch. */
const nextSize = (size: number, tookMs: number): number => {
  if (tookMs < growBelowMs) return Math.min(size + 1, sweepSizes.length - 1)
  return tookMs > 4 * growBelowMs ? Math.max(size - 1, 0) : size
}

/**
 * Removes expired items, and records of writes, counts of requests and API keys whose time is over. A sweep goes on as long as there are
 * any, with batches as large as the database removes in about 20 ms, and rests after each batch as long as that took. The next
 * sweep is `intervalMs` later. Reads never see expired rows, swept or not; this gives their room back.
 * @returns a function that stops the sweeper and waits for a running batch
 */
export const startSweeper = (pool: Pool, intervalMs: number, logger: Logger, observe: SweepObserver): (() => Promise<void>) => {
  let stopped = false
  let wake = () => {}

  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (stopped) return resolve()
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const sweepRows = async (what: SweptRows, { bySize }: Sweep): Promise<void> => {
    let size = 0
    while (!stopped) {
      const started = performance.now()
      const statement = bySize[size] as Sweep['smallest']
      const [row] = await pool.runInLane('removals', statement, {}, { client: 'sweeper', deadline: started + deadlines.request })
      const removed = row?.removed ?? 0
      observe.removed(what, removed)
      if (removed > 0) logger.debug({ removed }, `swept expired ${what}`)
      if (removed < (sweepSizes[size] as number)) return
      const tookMs = performance.now() - started
      size = nextSize(size, tookMs)
      await rest(Math.max(tookMs, pauseMs))
    }
  }

  /** Resolves with whether it succeeded. */
  const sweep = async (): Promise<boolean> => {
    const started = performance.now()
    try {
      for (const [what, statements] of sweeps) await sweepRows(what, statements)
      observe.swept(started, false)
      return true
    } catch (error) {
      observe.swept(started, true)
      logger.warn({ err: error }, 'a sweep failed; the next will go on')
      return false
    }
  }

  const run = async (): Promise<void> => {
    let succeeded = true
    while (!stopped) {
      await rest(succeeded ? intervalMs : Math.max(intervalMs, failedPauseMs))
      if (!stopped) succeeded = await sweep()
    }
  }
  const running = run()

  return async () => {
    stopped = true
    wake()
    await running
  }
}
