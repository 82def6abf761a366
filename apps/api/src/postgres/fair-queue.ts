import type { QueueRejection } from '../lib/batcher-observer.js'

export interface FairQueueOptions {
  /** The number of tasks that may run at once. */
  readonly runningMax: number
  /** The number of tasks that may wait. */
  readonly waitingMax: number
  /** The number of tasks of one client that may wait, so that no client can fill the queue. */
  readonly waitingPerClientMax: number
  /** The longest pause after a task, in milliseconds. The pause is as long as the task took, up to this. Default: no pause. */
  readonly pauseMsMax?: number
  /** A task is rejected if less than this is left before its deadline when its turn comes. Milliseconds. */
  readonly minRemainingMs: number
  /** Creates the error for a task that is rejected without having been run. */
  readonly rejection: (reason: QueueRejection) => Error
}

interface Waiting {
  readonly deadline: number
  readonly start: () => void
  readonly reject: (error: Error) => void
}

/** Identifies whose turn a task takes, and when it must have ended. */
export interface Turn {
  /** Clients take turns, one task at a time. */
  readonly client: string
  /** On the clock of `performance.now()`. */
  readonly deadline: number
}

/** A bounded queue in which clients take turns (round robin), however many tasks each of them has waiting. */
export interface FairQueue {
  /**
   * Runs a task when its client's turn comes.
   * @throws the rejection if the queue is full or the turn comes too late, or the task's own error
   */
  run<T>(turn: Turn, task: () => Promise<T>): Promise<T>
  /** Returns the number of waiting tasks. */
  waiting(): number
}

export const createFairQueue = (options: FairQueueOptions): FairQueue => {
  // In the order of the clients' turns.
  const clients = new Map<string, Waiting[]>()
  let waiting = 0
  let running = 0

  /** Removes the first task of the next client and moves that client behind all others. */
  const takeNext = (): Waiting | undefined => {
    const [entry] = clients
    if (entry === undefined) return undefined
    const [client, tasks] = entry
    const next = tasks.shift()
    clients.delete(client)
    if (tasks.length > 0) clients.set(client, tasks)
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
      const tasks = clients.get(client) ?? []
      if (waiting >= options.waitingMax || tasks.length >= options.waitingPerClientMax) {
        reject(options.rejection('queue_full'))
        return
      }
      clients.set(client, tasks)
      waiting++
      const start = () => {
        running++
        resolve()
      }
      tasks.push({ deadline, start, reject })
      startNext()
    })

  const leave = (): void => {
    running--
    startNext()
  }

  return {
    run: async (turn, task) => {
      await enter(turn)
      const started = performance.now()
      try {
        return await task()
      } finally {
        const pauseMs = Math.min(performance.now() - started, options.pauseMsMax ?? 0)
        if (pauseMs > 0) setTimeout(leave, pauseMs)
        else leave()
      }
    },
    waiting: () => waiting,
  }
}
