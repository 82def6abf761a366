import type { Logger } from '@holdfast/service'
import { deadlines } from '../database/deadlines.js'
import type { Pool } from '../database/pool.js'
import { sweepRecords, sweepRequestCounts } from './sql/sweep-expired.js'
import { sweepBatch, sweepItems } from './sql/sweep-items.js'

/** Is told of sweeps. */
export interface SweepObserver {
  /** Rows were removed. */
  readonly removed: (what: SweptRows, rows: number) => void
  /** A sweep has ended, which started at `started` as `performance.now()` counts. */
  readonly swept: (started: number, failed: boolean) => void
}

/** What is swept. */
const sweeps = [
  ['items', sweepItems],
  ['idempotency records', sweepRecords],
  ['request counts', sweepRequestCounts],
] as const
export type SweptRows = (typeof sweeps)[number][0]

/**
 * Removes expired items every `intervalMs`, and records of writes and counts of requests whose time is over. Reads never see expired items, swept or not; this
 * gives their room back.
 * @returns a function that stops the sweeper and waits for a running batch
 */
export const startSweeper = (pool: Pool, intervalMs: number, logger: Logger, observe: SweepObserver): (() => Promise<void>) => {
  let stopped = false
  let timer: NodeJS.Timeout

  const sweep = async () => {
    const started = performance.now()
    try {
      for (const [what, statement] of sweeps) {
        let removed = sweepBatch
        while (removed === sweepBatch && !stopped) {
          const [row] = await pool.run(statement, {}, performance.now() + deadlines.request)
          removed = row?.removed ?? 0
          observe.removed(what, removed)
          if (removed > 0) logger.debug({ removed }, `swept expired ${what}`)
        }
      }
      observe.swept(started, false)
    } catch (error) {
      observe.swept(started, true)
      logger.warn({ err: error }, 'a sweep failed; the next will go on')
    }
  }

  let running = Promise.resolve()
  const schedule = () => {
    if (stopped) return
    timer = setTimeout(() => {
      running = sweep().finally(schedule)
    }, intervalMs)
  }
  schedule()

  return async () => {
    stopped = true
    clearTimeout(timer)
    await running
  }
}
