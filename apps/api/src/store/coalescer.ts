import type { KeyOrder } from './key-order.js'

/** How many calls share a statement, and how much may wait. */
export interface CoalescerOptions<Call, Result> {
  /** Runs calls as one statement; answers a result for each, in their order, when it is committed. */
  readonly run: (calls: readonly Call[], deadline: number) => Promise<readonly Result[]>
  /** Whether a failure may be one call's own doing, and surely left nothing behind. */
  readonly isFault: (error: unknown) => boolean
  /** What a call is refused with that cannot be run: because too many wait, or because it waited too long. */
  readonly refusal: (reason: 'too many are waiting' | 'it waited too long') => Error
  /** For writes: those with the same key keep their order of arrival, and share a statement only where their kind is `shared`. */
  readonly keyed?: { readonly order: KeyOrder; readonly keyOf: (call: Call) => string; readonly shared?: boolean }
  /** Bytes that a call adds to its statement. */
  readonly bytesOf?: (call: Call) => number
  readonly statementsMax: number
  readonly callsMax: number
  readonly bytesMax: number
  readonly waitingMax: number
  /** Bytes of all calls that wait together; one call alone may have more. */
  readonly waitingBytesMax: number
  /** Milliseconds that a call must have left before its deadline when its statement starts. */
  readonly roomMs: number
}

interface Waiting<Call, Result> {
  readonly call: Call
  /** As `performance.now()` counts. */
  readonly deadline: number
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** Runs one call, with others where others are waiting. */
export type Coalesce<Call, Result> = (call: Call, deadline: number) => Promise<Result>

/**
 * Makes one statement of the calls that wait when a slot is free (group commit). With nothing waiting a call goes out at
 * the end of the same turn of the event loop; no timer holds anything back. Knows nothing of what it runs.
 */
export const createCoalescer = <Call, Result>(options: CoalescerOptions<Call, Result>): Coalesce<Call, Result> => {
  const { run, isFault, refusal, keyed, bytesOf = () => 0 } = options
  let ready: Waiting<Call, Result>[] = []
  let waiting = 0
  let waitingBytes = 0
  let running = 0
  let scheduled = false

  const schedule = (): void => {
    if (scheduled || running >= options.statementsMax || ready.length === 0) return
    scheduled = true
    setImmediate(flush)
  }

  const enter = (entry: Waiting<Call, Result>): void => {
    ready.push(entry)
    schedule()
  }

  const leave = ({ call }: Waiting<Call, Result>): void => {
    waiting--
    waitingBytes -= bytesOf(call)
    keyed?.order.leave(keyed.keyOf(call))
  }

  /** The next calls that one statement takes. Those that waited too long are refused: nothing of them was run. */
  const take = (): Waiting<Call, Result>[] => {
    const now = performance.now()
    const batch: Waiting<Call, Result>[] = []
    let bytes = 0
    let taken = 0
    for (const entry of ready) {
      if (entry.deadline - now < options.roomMs) {
        entry.reject(refusal('it waited too long'))
        leave(entry)
      } else {
        bytes += bytesOf(entry.call)
        if (batch.length === options.callsMax || (batch.length > 0 && bytes > options.bytesMax)) break
        batch.push(entry)
      }
      taken++
    }
    ready = ready.slice(taken)
    return batch
  }

  const runAlone = async (entry: Waiting<Call, Result>): Promise<void> => {
    try {
      const [result] = await run([entry.call], entry.deadline)
      entry.resolve(result as Result)
    } catch (error) {
      entry.reject(error)
    }
    leave(entry)
  }

  /** Answers once the slot is free again: where one call is at fault all are run apart, outside of it, and only that one is refused. */
  const settle = async (batch: readonly Waiting<Call, Result>[]): Promise<void> => {
    try {
      const results = await run(
        batch.map(({ call }) => call),
        Math.min(...batch.map(({ deadline }) => deadline)),
      )
      if (results.length !== batch.length) throw new Error(`a statement answered ${results.length} results for ${batch.length} calls`)
      for (const [place, entry] of batch.entries()) entry.resolve(results[place] as Result)
    } catch (error) {
      if (batch.length > 1 && isFault(error)) {
        for (const entry of batch) runAlone(entry)
        return
      }
      for (const { reject } of batch) reject(error)
    }
    for (const entry of batch) leave(entry)
  }

  const flush = (): void => {
    scheduled = false
    while (running < options.statementsMax && ready.length > 0) {
      const batch = take()
      if (batch.length === 0) continue
      running++
      settle(batch).then(() => {
        running--
        schedule()
      })
    }
  }

  return (call, deadline) =>
    new Promise((resolve, reject) => {
      const bytes = bytesOf(call)
      if (waiting >= options.waitingMax || (waiting > 0 && waitingBytes + bytes > options.waitingBytesMax)) {
        reject(refusal('too many are waiting'))
        return
      }
      waiting++
      waitingBytes += bytes
      const entry = { call, deadline, resolve, reject }
      if (keyed === undefined) enter(entry)
      else keyed.order.arrive(keyed.keyOf(call), () => enter(entry), keyed.shared)
    })
}
