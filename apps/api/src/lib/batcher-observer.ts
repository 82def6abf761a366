/** A call as its batcher tells of it. */
export interface ObservedCall {
  /** When it came, as `performance.now()` counts. */
  readonly arrived: number
  /** What the observer made of it when it came. */
  readonly mark: unknown
}

/** What a batcher holds. */
export interface Queue {
  /** Calls that have come and are in no statement yet. */
  readonly waiting: number
  /** Bytes of all calls that are not answered yet. */
  readonly bytes: number
}

/** Why a call was refused without having been run. */
export type QueueRejection = 'queue_full' | 'deadline'

/** Is told what a batcher does. Nothing here may throw. */
export interface BatcherObserver {
  /** Called once, with what tells at any time how long the queue is. */
  readonly watch: (queue: () => Queue) => void
  /** Makes something of a call that comes, in the asynchronous context of the one who asks; it is given back in `ran`. */
  readonly mark?: (() => unknown) | undefined
  /** A statement of these calls has ended, which started at `started` as `performance.now()` counts. */
  readonly ran: (calls: readonly ObservedCall[], started: number, failed: boolean) => void
  readonly rejected: (reason: QueueRejection) => void
}
