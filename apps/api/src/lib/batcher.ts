import { AsyncLocalStorage } from 'node:async_hooks'
import type { BatcherObserver, ObservedCall, QueueRejection } from './batcher-observer.js'
import type { KeyOrder } from './key-order.js'

/** What a batcher needs to know of the request that a call belongs to. */
export interface BatchedContext {
  /** When the request must have its response, as `performance.now()` counts. */
  readonly deadline: number
}

/** A call of a batch: its input, and the request that it belongs to. */
export interface BatchedCall<Context, Input> {
  readonly context: Context
  readonly input: Input
}

/** How to run batches, and how large they and their queue may be. */
export interface BatcherOptions<Context, Input, Result> {
  /**
   * Runs calls as one statement. Resolves with one result per call, in the same order, after the commit. The result of a call that needs
   * another statement is a promise. It keeps later calls with the same key waiting, but no others.
   */
  readonly run: (calls: readonly BatchedCall<Context, Input>[], deadline: number) => Promise<readonly (Result | Promise<Result>)[]>
  /** Tells whether an error may be caused by a single call, and the statement certainly had no effect. */
  readonly isFault: (error: unknown) => boolean
  /** Creates the error for a call that cannot be run. */
  readonly rejection: (reason: QueueRejection) => Error
  /** For writes. Calls with the same key keep their order of arrival. They share a statement only if `isShared` is true of them. */
  readonly keyed?: {
    readonly order: KeyOrder
    readonly keyOf: (context: Context, input: Input) => string
    readonly isShared?: ((input: Input) => boolean) | undefined
  }
  /** Size of a call. Default: 0. */
  readonly bytesOf?: (input: Input, context: Context) => number
  /** Size of a result. While results are large, statements take fewer calls. */
  readonly bytesOfResult?: (result: Result) => number
  readonly statementsMax: number
  /**
   * If this many statements run, another one starts only if its batch is full or the last one has taken `lateMs`. Default: `statementsMax`.
   * For writes, one statement makes the batches larger, and the second one keeps a wait for a lock from delaying all other keys.
   */
  readonly promptStatements?: number
  /** How many calls of a batch that failed run at the same time, each by itself. Default: 4. */
  readonly apartMax?: number
  /** After this time a statement probably waits for a lock or a slow disk. Default: 25 milliseconds. */
  readonly lateMs?: number
  readonly callsMax: number
  /** Largest total size of the calls of a statement, and of its expected results. */
  readonly bytesMax: number
  readonly waitingMax: number
  /** Milliseconds that must remain before the deadline of a call when its statement starts. */
  readonly minRemainingMs: number
  /** Observes calls and statements. */
  readonly observe?: BatcherObserver | undefined
}

/** The default of `apartMax`. */
const apartMax = 4

interface Waiting<Context, Input, Result> extends ObservedCall, BatchedCall<Context, Input> {
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** Runs a call, in one statement with other waiting calls if there are any. */
export type RunBatched<Context, Input, Result> = (context: Context, input: Input) => Promise<Result>

/**
 * Creates a batcher. Whenever a statement may start, all waiting calls become one (group commit). If no statement runs, a call runs at the
 * end of the same turn of the event loop, so batching adds no delay.
 */
export const createBatcher = <Context extends BatchedContext, Input, Result>(
  options: BatcherOptions<Context, Input, Result>,
): RunBatched<Context, Input, Result> => {
  type Call = Waiting<Context, Input, Result>
  const {
    run,
    isFault,
    rejection,
    keyed,
    bytesOf = () => 0,
    bytesOfResult,
    observe,
    promptStatements = options.statementsMax,
    lateMs = 25,
  } = options
  let ready: Call[] = []
  let waiting = 0
  let waitingBytes = 0
  let running = 0
  let inStatements = 0
  let scheduled = false
  let lastStart = 0
  let lateTimer: NodeJS.Timeout | undefined
  /** How many calls a statement takes, considering the size of the last results. */
  let callsLimit = options.callsMax

  const limitCalls = (results: readonly (Result | Promise<Result>)[], sizeOf: (result: Result) => number): void => {
    let bytes = 0
    for (const result of results) if (!(result instanceof Promise)) bytes += sizeOf(result)
    callsLimit = Math.max(1, Math.min(options.callsMax, Math.floor((options.bytesMax * results.length) / Math.max(bytes, 1))))
  }

  /** Tells whether another statement may start now. If it may start when the last one is late, sets a timer for that time. */
  const mayStart = (): boolean => {
    if (running >= options.statementsMax || ready.length === 0) return false
    if (running < promptStatements || ready.length >= callsLimit) return true
    if (performance.now() - lastStart >= lateMs) return true
    if (lateTimer === undefined) {
      lateTimer = setTimeout(() => {
        lateTimer = undefined
        schedule()
      }, lateMs).unref()
    }
    return false
  }

  const schedule = (): void => {
    if (scheduled || !mayStart()) return
    scheduled = true
    setImmediate(flushApart)
  }

  const enter = (entry: Call): void => {
    ready.push(entry)
    schedule()
  }

  const leave = ({ context, input }: Call): void => {
    waiting--
    waitingBytes -= bytesOf(input, context)
    keyed?.order.leave(keyed.keyOf(context, input))
  }

  const rejectCall = ({ reject }: Pick<Call, 'reject'>, reason: QueueRejection): void => {
    observe?.rejected(reason)
    reject(rejection(reason))
  }

  /** Takes the calls of the next statement from the queue, and rejects those that waited too long. */
  const take = (): Call[] => {
    const now = performance.now()
    const batch: Call[] = []
    let bytes = 0
    let taken = 0
    for (const entry of ready) {
      if (entry.context.deadline - now < options.minRemainingMs) {
        rejectCall(entry, 'deadline')
        leave(entry)
      } else {
        bytes += bytesOf(entry.input, entry.context)
        if (batch.length === callsLimit || (batch.length > 0 && bytes > options.bytesMax)) break
        batch.push(entry)
      }
      taken++
    }
    ready = ready.slice(taken)
    return batch
  }

  const runCalls = (batch: readonly Call[]): Promise<readonly (Result | Promise<Result>)[]> =>
    run(batch, Math.min(...batch.map(({ context }) => context.deadline)))

  const runObserved = async (batch: readonly Call[], { ran }: BatcherObserver): Promise<readonly (Result | Promise<Result>)[]> => {
    const started = performance.now()
    let failed = true
    try {
      const results = await runCalls(batch)
      failed = false
      return results
    } finally {
      ran(batch, started, failed)
    }
  }

  const runBatch = observe === undefined ? runCalls : (batch: readonly Call[]) => runObserved(batch, observe)

  const end = (entry: Call): void => {
    inStatements--
    leave(entry)
  }

  const settleCall = (entry: Call, result: Result | Promise<Result>): void => {
    if (result instanceof Promise) {
      result.then(entry.resolve, entry.reject).finally(() => end(entry))
      return
    }
    entry.resolve(result)
    end(entry)
  }

  const runAlone = async (entry: Call): Promise<void> => {
    try {
      const [result] = await runBatch([entry])
      settleCall(entry, result as Result | Promise<Result>)
    } catch (error) {
      entry.reject(error)
      end(entry)
    }
  }

  /** Runs calls one by one, a few at a time, so that those which wait for a lock leave connections for the others. */
  const runApart = (batch: readonly Call[]): void => {
    const rest = [...batch]
    const runNext = (): void => {
      const entry = rest.shift()
      if (entry === undefined) return
      if (entry.context.deadline - performance.now() < options.minRemainingMs) {
        rejectCall(entry, 'deadline')
        end(entry)
        runNext()
      } else runAlone(entry).then(runNext)
    }
    for (let n = 0; n < (options.apartMax ?? apartMax); n++) runNext()
  }

  /** Runs a batch. If one call may have caused its error, all calls run again one by one, so that only that one is rejected. */
  const settle = async (batch: readonly Call[]): Promise<void> => {
    try {
      const results = await runBatch(batch)
      if (results.length !== batch.length) throw new Error(`a statement returned ${results.length} results for ${batch.length} calls`)
      if (bytesOfResult !== undefined) limitCalls(results, bytesOfResult)
      for (let index = 0; index < batch.length; index++) settleCall(batch[index] as Call, results[index] as Result | Promise<Result>)
    } catch (error) {
      if (batch.length > 1 && isFault(error)) {
        runApart(batch)
        return
      }
      for (const entry of batch) {
        entry.reject(error)
        end(entry)
      }
    }
  }

  const flush = (): void => {
    scheduled = false
    while (mayStart()) {
      const batch = take()
      if (batch.length === 0) continue
      running++
      lastStart = performance.now()
      inStatements += batch.length
      settle(batch).then(() => {
        running--
        schedule()
      })
    }
  }

  // A statement belongs to all of its calls, so it must not run in the asynchronous context of one of them.
  const flushApart = observe === undefined ? flush : AsyncLocalStorage.bind(flush)
  observe?.watch(() => ({ waiting: waiting - inStatements, bytes: waitingBytes }))

  return (context, input) =>
    new Promise((resolve, reject) => {
      if (waiting >= options.waitingMax) {
        rejectCall({ reject }, 'queue_full')
        return
      }
      waiting++
      waitingBytes += bytesOf(input, context)
      const arrived = observe === undefined ? 0 : performance.now()
      const entry = { context, input, resolve, reject, arrived, mark: observe?.mark?.() }
      if (keyed === undefined) enter(entry)
      else keyed.order.arrive(keyed.keyOf(context, input), () => enter(entry), keyed.isShared?.(input))
    })
}
