/** The items of a namespace at one instant. */
export interface Counted {
  /** The number of live items, or a larger one that still has room for all the given keys. */
  readonly live: number
  /** The given keys that have a live item. */
  readonly present: readonly string[]
}

/** A write that wants to enter. */
export interface Entry {
  /** The keys that have an item after the write, each once. */
  readonly creates: readonly string[]
  /** The keys that have no item after the write, each once. */
  readonly removes: readonly string[]
  /** How many items the namespace may have. */
  readonly itemsMax: number
  /** As `performance.now()` counts. */
  readonly deadline: number
}

export interface QuotaGateOptions {
  /** Counts the items in the database. `enough` is the smallest number of items that would be too many. */
  readonly count: (keys: readonly string[], enough: number, deadline: number) => Promise<Counted>
  /** Milliseconds that must be left before the deadline when a write enters. */
  readonly minRemainingMs: number
  /** Creates the error for a write that waited too long. */
  readonly overloaded: () => Error
}

interface Waiting extends Entry {
  readonly settle: (decision: Decision | Error) => void
}

type Decision = 'entered' | 'full'

/** How many keys a count may have. */
const keysMax = 2_000

/**
 * The largest part of the free room that the writes in flight may take, but at least one write. A process does not see the writes of other
 * processes. Near the limit each process therefore has only one write in flight.
 */
const inFlightShare = 1 / 16

/**
 * Creates a gate that keeps the writes of one process from creating more items in a namespace than it may have. A write enters if the
 * existing items, and those that writes in flight may still create, leave room for its own. A write that waits for a lock does not delay
 * others, unless it may take the last room.
 *
 * A write counts as in flight from before its statement starts until after its commit. Every count gets the keys in flight when it starts,
 * and takes those that it does not find to be items that will be created.
 */
export const createQuotaGate = ({ count, minRemainingMs, overloaded }: QuotaGateOptions) => {
  const inFlight = new Map<string, number>()
  /** In the order of their arrival. */
  const waiting = new Set<Waiting>()
  /** The keys that were in flight at any time since the current count started. */
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

  /** Divides the waiting writes into groups that one count each can decide. */
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

  /** Decides a write by a count and by the keys that may still be created. Undefined if it cannot be decided yet. */
  const decide = (
    { creates, removes, itemsMax }: Entry,
    { live }: Counted,
    present: ReadonlySet<string>,
    pending: Set<string>,
  ): Decision | undefined => {
    const absent = creates.filter((key) => !present.has(key))
    const more = absent.filter((key) => !pending.has(key)).length
    const removed = removes.filter((key) => present.has(key))
    // Another write in flight may create the item again.
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

  /** Decides all waiting writes, and again as long as something changes. Only one count runs at a time. */
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
    /** Waits for room. If the decision is `entered`, the caller must call `leave` with `creates` afterwards. */
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
    /** Counts the keys of a write that creates nothing, but may keep items from expiring, as in flight. */
    hold,
    leave,
    /** Tells whether nothing waits and nothing is in flight. */
    idle: () => waiting.size === 0 && inFlight.size === 0,
  }
}
