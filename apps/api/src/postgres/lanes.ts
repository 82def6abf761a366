import type { Connections } from './connections.js'
import { deadlines } from './deadlines.js'
import { createFairQueue, type FairQueue, type FairQueueOptions } from './fair-queue.js'

/**
 * Lanes run statements that read or write many rows. Each lane has its own connections and its own queue, so statements of single items
 * never wait behind them.
 *
 * - `ranges` reads a bounded number of rows. It pipelines several statements on a connection.
 * - `scans` reads an unbounded number of rows. It runs one statement at a time, because each occupies a CPU, and pauses between them.
 * - `removals` deletes a bounded number of rows and may wait for locks.
 *
 * `minRemainingMs` leaves PostgreSQL enough time to end a statement before its request times out.
 */
const laneOptions = {
  ranges: { connections: 2, runningMax: 8, waitingMax: 1_000, waitingPerClientMax: 500, minRemainingMs: 1_000 },
  scans: {
    connections: 1,
    runningMax: 1,
    pauseMsMax: 20,
    waitingMax: 100,
    waitingPerClientMax: 50,
    minRemainingMs: deadlines.statement + 500,
  },
  removals: { connections: 1, runningMax: 1, waitingMax: 100, waitingPerClientMax: 50, minRemainingMs: deadlines.lock + 500 },
} as const

export type LaneName = keyof typeof laneOptions

/** The queue and the connections of a lane. */
export interface Lane {
  readonly queue: FairQueue
  readonly connections: Connections
}

/**
 * Creates all lanes.
 * @param connect creates a pool of the given number of connections
 * @param rejection creates the error for a statement that is rejected without having been run
 */
export const createLanes = (
  connect: (count: number) => Connections,
  rejection: FairQueueOptions['rejection'],
): Readonly<Record<LaneName, Lane>> => {
  const createLane = (name: LaneName): Lane => {
    const { connections, ...options } = laneOptions[name]
    return { queue: createFairQueue({ ...options, rejection }), connections: connect(connections) }
  }
  return { ranges: createLane('ranges'), scans: createLane('scans'), removals: createLane('removals') }
}

export const laneNames = Object.keys(laneOptions) as LaneName[]
