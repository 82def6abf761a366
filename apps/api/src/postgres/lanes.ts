import type { Connections } from './connections.js'
import { deadlines } from './deadlines.js'
import { createFairQueue, type FairQueue, type FairQueueOptions } from './fair-queue.js'

/**
 * Lanes are for statements that read or write many rows. Each lane has connections and a queue of its own, so that statements of
 * single items never wait behind them.
 *
 * - `ranges` reads a bounded number of rows. Several statements are sent on a connection before the first has its response.
 * - `scans` reads as many rows as there are: one statement at a time, because each keeps a CPU busy, and with rests between them.
 * - `removals` deletes a bounded number of rows, and may wait for their locks.
 *
 * `minRemainingMs` lets the server end a statement before its caller gives up.
 */
const laneOptions = {
  ranges: { connections: 2, runningMax: 8, waitingMax: 1_000, waitingPerClientMax: 500, minRemainingMs: 1_000 },
  scans: {
    connections: 1,
    runningMax: 1,
    restMsMax: 20,
    waitingMax: 100,
    waitingPerClientMax: 50,
    minRemainingMs: deadlines.statement + 500,
  },
  removals: { connections: 1, runningMax: 1, waitingMax: 100, waitingPerClientMax: 50, minRemainingMs: deadlines.lock + 500 },
} as const

export type Lane = keyof typeof laneOptions

/** A lane's queue and connections. */
export interface LaneParts {
  readonly queue: FairQueue
  readonly connections: Connections
}

/** Makes the lanes; `connect` makes a number of connections. */
export const createLanes = (
  connect: (count: number) => Connections,
  rejection: FairQueueOptions['rejection'],
): Readonly<Record<Lane, LaneParts>> => {
  const lane = (name: Lane): LaneParts => {
    const { connections, ...options } = laneOptions[name]
    return { queue: createFairQueue({ ...options, rejection }), connections: connect(connections) }
  }
  return { ranges: lane('ranges'), scans: lane('scans'), removals: lane('removals') }
}

/** The names of all lanes. */
export const laneNames = Object.keys(laneOptions) as Lane[]
