/** What a namespace holds, at one instant. */
export interface Counted {
  /** Live items, or any larger number with which everything that was asked for still fits. */
  readonly live: number
  /** Those of the given keys that have a live item. */
  readonly present: readonly string[]
}

/** A write that wants to enter. */
export interface Entry {
  /** Keys that have an item after the write, each once. */
  readonly creates: readonly string[]
  /** Keys that have none after it, each once. */
  readonly removes: readonly string[]
  /** The most items that the namespace may have. */
  readonly itemsMax: number
  /** As `performance.now()` counts. */
  readonly deadline: number
}

export interface QuotaGateOptions {
  /** Counts the namespace by the database; `enough` is the smallest number of items that would be too many. */
  readonly count: (keys: readonly string[], enough: number, deadline: number) => Promise<Counted>
  /** Milliseconds that must be left before the deadline when a write enters. */
  readonly minRemainingMs: number
  /** What a write is rejected with that waited too long. */
  readonly overloaded: () => Error
}

interface Waiting extends Entry {
  readonly settle: (decision: Decision | Error) => void
}

type Decision = 'entered' | 'full'

/** Keys of one count. A statement of a few thousand is still a short one. */
const keysMax = 2_000

/**
 * A service has at most this part of the room in flight, and one write if that is less. It does not see what other services have in
 * flight: when they meet at the bound, each has one write in flight, unless a lock holds up those that entered before.
 */
const inFlightShare = 1 / 16

/**
 * Keeps the writes of one service from creating more items in a namespace than it may have. A write enters if the items that are there
 * and those that writes in flight may still create leave room for its own. Nothing is held while a write's statement runs but
 * its keys, so a write that waits for a lock stops no other, unless it may take the last room.
 *
 * Whoever enters is counted from before its statement starts until after its commit: every count is given the keys in flight when it
 * starts, and takes those that it does not find for items to come.
 */
export const createQuotaGate = ({ count, minRemainingMs, overloaded }: QuotaGateOptions) => {
  const inFlight = new Map<string, number>()
  /** In the order of their arrival. */
  const waiting = new Set<Waiting>()
  /** Keys that were in flight at any time since the running count started. */
  let seen = new Set<string>()
  let counting = false
  let changed = false

  const hold = (keys: readonly string[]): void => {
    for (const key of keys) {
      inFlight.set(key, (inFlight.get(key) ?? 0) + 1)
      seen.add(key)
    }
  }

  const leave = (keys: readonly string[]): void => {
    for (const key of keys) {
      const left = (inFlight.get(key) ?? 0) - 1
      if (left > 0) inFlight.set(key, left)
      else inFlight.delete(key)
    }
    decideAll()
  }

  /** Those that wait, in groups of which each takes one count. */
  const batches = (): Waiting[][] => {
    const all: Waiting[][] = []
    let keys = Number.POSITIVE_INFINITY
    for (const entry of waiting) {
      keys += entry.creates.length + entry.removes.length
      if (keys > keysMax) {
        all.push([])
        keys = entry.creates.length + entry.removes.length
      }
      all.at(-1)?.push(entry)
    }
    return all
  }

  /** What becomes of a write, judged by a count and by the keys that may still be created; undefined while that is open. */
  const decide = (
    { creates, removes, itemsMax }: Entry,
    { live }: Counted,
    present: ReadonlySet<string>,
    pending: Set<string>,
  ): Decision | undefined => {
    const absent = creates.filter((key) => !present.has(key))
    const more = absent.filter((key) => !pending.has(key)).length
    const removed = removes.filter((key) => present.has(key))
    // An item that another write in flight may put is not sure to be gone afterwards.
    const fewer = removed.filter((key) => !seen.has(key)).length
    const changesNothing = absent.length === 0 && pending.size === 0
    if (live + pending.size + more - fewer <= itemsMax || changesNothing) {
      const share = Math.max(1, Math.floor((itemsMax - live) * inFlightShare))
      if (more > 0 && pending.size > 0 && pending.size + more > share) return undefined
      for (const key of absent) pending.add(key)
      return 'entered'
    }
    return live + absent.length - removed.length > itemsMax ? 'full' : undefined
  }

  const decideBatch = async (batch: readonly Waiting[]): Promise<void> => {
    seen = new Set(inFlight.keys())
    const asked = new Set([...seen, ...batch.flatMap(({ creates, removes }) => [...creates, ...removes])])
    try {
      const enough = Math.min(...batch.map(({ itemsMax }) => itemsMax)) + 1
      const counted = await count([...asked], enough, Math.max(...batch.map(({ deadline }) => deadline)))
      const present = new Set(counted.present)
      const pending = new Set([...seen].filter((key) => !present.has(key)))
      for (const entry of batch) {
        if (!waiting.has(entry)) continue
        const decision = decide(entry, counted, present, pending)
        if (decision === 'entered') hold(entry.creates)
        if (decision !== undefined) entry.settle(decision)
      }
    } catch (error) {
      for (const entry of batch) entry.settle(error as Error)
    }
  }

  /** Decides on all that wait, and again as long as something has changed since. One count at a time. */
  const decideAll = async (): Promise<void> => {
    changed = true
    if (counting) return
    counting = true
    while (changed && waiting.size > 0) {
      changed = false
      for (const batch of batches()) await decideBatch(batch)
    }
    counting = false
  }

  return {
    /** Waits for room; whoever has entered must call `leave` with `creates`. */
    enter: (entry: Entry): Promise<Decision> =>
      new Promise((resolve, reject) => {
        const give = () => one.settle(overloaded())
        const timer = setTimeout(give, Math.max(0, entry.deadline - performance.now() - minRemainingMs))
        const one: Waiting = {
          ...entry,
          settle: (decision) => {
            clearTimeout(timer)
            waiting.delete(one)
            if (decision instanceof Error) reject(decision)
            else resolve(decision)
          },
        }
        waiting.add(one)
        decideAll()
      }),
    /** Counts keys as in flight that a write creates nothing for, but may keep from expiring. */
    hold,
    leave,
    /** Whether nothing waits and nothing is in flight. */
    idle: () => waiting.size === 0 && inFlight.size === 0,
  }
}
