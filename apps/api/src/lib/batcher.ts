import { AsyncLocalStorage } from 'node:async_hooks'
import type { BatcherObserver, ObservedCall, QueueRejection } from './batcher-observer.js'
import type { KeyOrder } from './key-order.js'

/** What a batcher needs to know of the request that a call belongs to. */
export interface BatchedContext {
  /** When the request must have its response, as `performance.now()` counts. */
  readonly deadline: number
}

/** A call of a batch: what to do, and the request that it belongs to. */
export interface BatchedCall<Context, Input> {
  readonly context: Context
  readonly input: Input
}

/** How many calls share a statement, and how much may wait. */
export interface BatcherOptions<Context, Input, Result> {
  /** Runs calls as one statement; answers a result for each, in their order, when it is committed. */
  readonly run: (calls: readonly BatchedCall<Context, Input>[], deadline: number) => Promise<readonly Result[]>
  /** Whether a failure may be one call's own doing, and surely left nothing behind. */
  readonly isFault: (error: unknown) => boolean
  /** What a call is refused with that cannot be run: because too many wait, or because it waited too long. */
  readonly rejection: (reason: QueueRejection) => Error
  /** For writes: those with the same key keep their order of arrival, and share a statement only where their kind is `shared`. */
  readonly keyed?: { readonly order: KeyOrder; readonly keyOf: (context: Context, input: Input) => string; readonly shared?: boolean }
  /** Bytes that a call adds to its statement. */
  readonly bytesOf?: (input: Input, context: Context) => number
  /** Bytes that a result has; with it statements take fewer calls while results are large. */
  readonly bytesOfResult?: (result: Result) => number
  readonly statementsMax: number
  readonly callsMax: number
  /** Bytes of the calls of a statement, and of the results that it is expected to have. */
  readonly bytesMax: number
  readonly waitingMax: number
  /** Milliseconds that a call must have left before its deadline when its statement starts. */
  readonly minRemainingMs: number
  /** Is told of all this; where it is left out nothing is paid for it. */
  readonly observe?: BatcherObserver | undefined
}

interface Waiting<Context, Input, Result> extends ObservedCall, BatchedCall<Context, Input> {
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** Runs one call, with others where others are waiting. */
export type RunBatched<Context, Input, Result> = (context: Context, input: Input) => Promise<Result>

/**
 * Makes one statement of the calls that wait when a slot is free (group commit). With nothing waiting a call goes out at
 * the end of the same turn of the event loop; no timer holds anything back. Knows nothing of what it runs.
 */
export const createBatcher = <Context extends BatchedContext, Input, Result>(
  options: BatcherOptions<Context, Input, Result>,
): RunBatched<Context, Input, Result> => {
  type Call = Waiting<Context, Input, Result>
  const { run, isFault, rejection, keyed, bytesOf = () => 0, bytesOfResult, observe } = options
  let ready: Call[] = []
  let waiting = 0
  let waitingBytes = 0
  let running = 0
  let inStatements = 0
  let scheduled = false
  /** Calls of a statement, as large as the results of the last one were. */
  let callsLimit = options.callsMax

  const limitCalls = (results: readonly Result[], sizeOf: (result: Result) => number): void => {
    let bytes = 0
    for (const result of results) bytes += sizeOf(result)
    callsLimit = Math.max(1, Math.min(options.callsMax, Math.floor((options.bytesMax * results.length) / Math.max(bytes, 1))))
  }

  const schedule = (): void => {
    if (scheduled || running >= options.statementsMax || ready.length === 0) return
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

  const refuse = ({ reject }: Pick<Call, 'reject'>, reason: QueueRejection): void => {
    observe?.rejected(reason)
    reject(rejection(reason))
  }

  /** The next calls that one statement takes. Those that waited too long are refused: nothing of them was run. */
  const take = (): Call[] => {
    const now = performance.now()
    const batch: Call[] = []
    let bytes = 0
    let taken = 0
    for (const entry of ready) {
      if (entry.context.deadline - now < options.minRemainingMs) {
        refuse(entry, 'deadline')
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

  const runCalls = (batch: readonly Call[]): Promise<readonly Result[]> =>
    run(batch, Math.min(...batch.map(({ context }) => context.deadline)))

  const runObserved = async (batch: readonly Call[], { ran }: BatcherObserver): Promise<readonly Result[]> => {
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

  const runAlone = async (entry: Call): Promise<void> => {
    try {
      const [result] = await runBatch([entry])
      entry.resolve(result as Result)
    } catch (error) {
      entry.reject(error)
    }
    end(entry)
  }

  /** Answers once the slot is free again: where one call is at fault all are run apart, outside of it, and only that one is refused. */
  const settle = async (batch: readonly Call[]): Promise<void> => {
    try {
      const results = await runBatch(batch)
      if (results.length !== batch.length) throw new Error(`a statement answered ${results.length} results for ${batch.length} calls`)
      if (bytesOfResult !== undefined) limitCalls(results, bytesOfResult)
      for (const [index, entry] of batch.entries()) entry.resolve(results[index] as Result)
    } catch (error) {
      if (batch.length > 1 && isFault(error)) {
        for (const entry of batch) runAlone(entry)
        return
      }
      for (const { reject } of batch) reject(error)
    }
    for (const entry of batch) end(entry)
  }

  const flush = (): void => {
    scheduled = false
    while (running < options.statementsMax && ready.length > 0) {
      const batch = take()
      if (batch.length === 0) continue
      running++
      inStatements += batch.length
      settle(batch).then(() => {
        running--
        schedule()
      })
    }
  }

  // A statement belongs to all of its calls, hence to the asynchronous context of none.
  const flushApart = observe === undefined ? flush : AsyncLocalStorage.bind(flush)
  observe?.watch(() => ({ waiting: waiting - inStatements, bytes: waitingBytes }))

  return (context, input) =>
    new Promise((resolve, reject) => {
      if (waiting >= options.waitingMax) {
        refuse({ reject }, 'queue_full')
        return
      }
      waiting++
      waitingBytes += bytesOf(input, context)
      const arrived = observe === undefined ? 0 : performance.now()
      const entry = { context, input, resolve, reject, arrived, mark: observe?.mark?.() }
      if (keyed === undefined) enter(entry)
      else keyed.order.arrive(keyed.keyOf(context, input), () => enter(entry), keyed.shared)
    })
}
