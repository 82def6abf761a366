import type { QueueRejection } from '../lib/batcher-observer.js'

export interface FairQueueOptions {
  /** How many runs there may be at once. */
  readonly runningMax: number
  /** How many may wait. */
  readonly waitingMax: number
  /** How many of one client may wait, so that no client fills the queue. */
  readonly waitingPerClientMax: number
  /** A run is followed by a rest as long as the run, but no longer than this. Milliseconds; without it there is none. */
  readonly restMsMax?: number
  /** Milliseconds that must be left before the deadline when a run starts. */
  readonly minRemainingMs: number
  /** Makes the error with which a run is rejected that was not started. */
  readonly rejection: (reason: QueueRejection) => Error
}

interface Waiting {
  readonly deadline: number
  readonly start: () => void
  readonly reject: (error: Error) => void
}

/** Who waits for a turn. */
export interface Turn {
  /** Clients take turns. */
  readonly client: string
  /** As `performance.now()` counts. */
  readonly deadline: number
}

/** A bounded queue from which clients take turns, however many runs each of them has waiting. */
export interface FairQueue {
  /**
   * Runs `run` when it is this client's turn.
   * @throws the rejection if too many wait or the turn comes too late
   */
  run<T>(turn: Turn, run: () => Promise<T>): Promise<T>
  /** How many wait. */
  waiting(): number
}

/** Makes a fair queue. */
export const createFairQueue = (options: FairQueueOptions): FairQueue => {
  // In the order in which clients have their turns.
  const clients = new Map<string, Waiting[]>()
  let waiting = 0
  let running = 0

  /** Takes the first run of the next client, who then goes behind all others. */
  const takeNext = (): Waiting | undefined => {
    const [entry] = clients
    if (entry === undefined) return undefined
    const [client, runs] = entry
    const next = runs.shift()
    clients.delete(client)
    if (runs.length > 0) clients.set(client, runs)
    waiting--
    return next
  }

  const startNext = (): void => {
    while (running < options.runningMax) {
      const next = takeNext()
      if (next === undefined) return
      if (next.deadline - performance.now() < options.minRemainingMs) next.reject(options.rejection('deadline'))
      else next.start()
    }
  }

  const enter = ({ client, deadline }: Turn): Promise<void> =>
    new Promise((resolve, reject) => {
      const runs = clients.get(client) ?? []
      if (waiting >= options.waitingMax || runs.length >= options.waitingPerClientMax) {
        reject(options.rejection('queue_full'))
        return
      }
      clients.set(client, runs)
      waiting++
      const start = () => {
        running++
        resolve()
      }
      runs.push({ deadline, start, reject })
      startNext()
    })

  const leave = (): void => {
    running--
    startNext()
  }

  return {
    run: async (turn, run) => {
      await enter(turn)
      const started = performance.now()
      try {
        return await run()
      } finally {
        const restMs = Math.min(performance.now() - started, options.restMsMax ?? 0)
        if (restMs > 0) setTimeout(leave, restMs)
        else leave()
      }
    },
    waiting: () => waiting,
  }
}
