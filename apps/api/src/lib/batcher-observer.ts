/** A call as an observer sees it. */
export interface ObservedCall {
  /** When it arrived, on the clock of `performance.now()`. */
  readonly arrived: number
  /** The result of the observer's `mark` for this call. */
  readonly mark: unknown
}

/** The length of a queue. */
export interface Queue {
  /** Calls that are not in a statement yet. */
  readonly waiting: number
  /** Bytes of all calls without a result. */
  readonly bytes: number
}

/** Why a call was rejected without being run. */
export type QueueRejection = 'queue_full' | 'deadline'

/** Observes a batcher. Its functions must not throw. */
export interface BatcherObserver {
  /** Called once, with a function that returns the current length of the queue. */
  readonly watch: (queue: () => Queue) => void
  /** Called when a call arrives, in the caller's asynchronous context. `ran` gets its result. */
  readonly mark?: (() => unknown) | undefined
  /** Called after a statement of these calls. `started` is on the clock of `performance.now()`. */
  readonly ran: (calls: readonly ObservedCall[], started: number, failed: boolean) => void
  readonly rejected: (reason: QueueRejection) => void
}
