import type { Logger } from '@holdfast/service'
import { deadlines } from '../database/deadlines.js'
import type { Pool } from '../database/pool.js'
import { sweepBatch, sweepItems } from './sql/sweep-items.js'
import { sweepRecords } from './sql/sweep-records.js'
import { sweepRequestCounts } from './sql/sweep-request-counts.js'

/**
 * Removes expired items every `intervalMs`, and records of writes and counts of requests whose time is over. Reads never see expired items, swept or not; this
 * gives their room back.
 * @returns a function that stops the sweeper and waits for a running batch
 */
export const startSweeper = (pool: Pool, intervalMs: number, logger: Logger): (() => Promise<void>) => {
  let stopped = false
  let timer: NodeJS.Timeout

  const sweep = async () => {
    try {
      for (const [what, statement] of [
        ['items', sweepItems],
        ['idempotency records', sweepRecords],
        ['request counts', sweepRequestCounts],
      ] as const) {
        let removed = sweepBatch
        while (removed === sweepBatch && !stopped) {
          const [row] = await pool.run(statement, {}, performance.now() + deadlines.request)
          removed = row?.removed ?? 0
          if (removed > 0) logger.debug({ removed }, `swept expired ${what}`)
        }
      }
    } catch (error) {
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
