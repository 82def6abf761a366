import type { Logger } from '@holdfast/server-kit'
import { type ChangeRetention, rotateChanges } from '../changes/sql/rotate-changes.js'
import { deadlines } from '../postgres/deadlines.js'
import type { Pool } from '../postgres/pool.js'
import { apiKeySweep, historySweep, itemSweep, recordSweep, requestCountSweep, type Sweep, sweepSizes } from './sql/sweeps.js'

export interface SweepObserver {
  /** Called after each batch. */
  readonly removed: (kind: SweptRows, rows: number) => void
  /** Called after each sweep. `started` is on the clock of `performance.now()`. */
  readonly swept: (started: number, failed: boolean) => void
}

const sweeps = [
  ['items', itemSweep],
  ['old versions', historySweep],
  ['idempotency records', recordSweep],
  ['request counts', requestCountSweep],
  ['API keys', apiKeySweep],
] as const satisfies readonly (readonly [string, Sweep])[]

export interface SweeperOptions {
  /** The pause between sweeps. Milliseconds. */
  readonly intervalMs: number
  /** How much of the change log is kept. Undefined if the log is off. */
  readonly changeRetention: ChangeRetention | undefined
}

/** The kinds of rows that are swept. */
export type SweptRows = (typeof sweeps)[number][0]

/** The next batch is larger after a batch that took less than this, and smaller after one that took more than four times as long. */
const growBelowMs = 10
/** The shortest pause after a batch, and after a failed sweep. Milliseconds. */
const pauseMsMin = 1
const failedPauseMsMin = 10_000

/** Returns the index of the next batch size in `sweepSizes`. */
const nextSize = (size: number, tookMs: number): number => {
  if (tookMs < growBelowMs) return Math.min(size + 1, sweepSizes.length - 1)
  return tookMs > 4 * growBelowMs ? Math.max(size - 1, 0) : size
}

/**
 * Starts the sweeper, which deletes expired items, old versions that are not kept, expired idempotency records, request counts and API keys,
 * and the oldest part of the change log. A sweep deletes batches until no
 * expired rows are left. The batches are as large as the database can delete in about 20 ms, and after each batch the sweeper pauses for as
 * long as the batch took. Reads never return expired rows, whether or not they were swept: sweeping only frees their space.
 * @returns a function that stops the sweeper and waits for the running batch
 */
export const startSweeper = (
  pool: Pool,
  { intervalMs, changeRetention }: SweeperOptions,
  logger: Logger,
  observe: SweepObserver,
): (() => Promise<void>) => {
  let stopped = false
  let wake = () => {}

  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (stopped) return resolve()
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const sweepRows = async (kind: SweptRows, { bySize }: Sweep): Promise<void> => {
    let size = 0
    while (!stopped) {
      const started = performance.now()
      const statement = bySize[size] as Sweep['smallest']
      const [row] = await pool.runInLane('removals', statement, {}, { client: 'sweeper', deadline: started + deadlines.request })
      const removed = row?.removed ?? 0
      observe.removed(kind, removed)
      if (removed > 0) logger.debug({ removed }, `swept expired ${kind}`)
      if (removed < (sweepSizes[size] as number)) return
      const tookMs = performance.now() - started
      size = nextSize(size, tookMs)
      await sleep(Math.max(tookMs, pauseMsMin))
    }
  }

  /** Runs one sweep. Resolves with whether it succeeded. */
  const sweep = async (): Promise<boolean> => {
    const started = performance.now()
    try {
      for (const [kind, statements] of sweeps) await sweepRows(kind, statements)
      if (changeRetention !== undefined)
        await pool.runInLane('removals', rotateChanges, changeRetention, { client: 'sweeper', deadline: started + deadlines.request })
      observe.swept(started, false)
      return true
    } catch (error) {
      observe.swept(started, true)
      logger.warn({ err: error }, 'a sweep failed; it will be retried')
      return false
    }
  }

  const run = async (): Promise<void> => {
    let succeeded = true
    while (!stopped) {
      await sleep(succeeded ? intervalMs : Math.max(intervalMs, failedPauseMsMin))
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
