/** Runs the writes of each key one at a time, in their order of arrival. */
export interface KeyOrder {
  /**
   * Calls `start` when all earlier arrivals of this key have left, which may be at once. Shared arrivals that wait one after another
   * start together.
   */
  readonly arrive: (key: string, start: () => void, shared?: boolean) => void
  readonly leave: (key: string) => void
}

interface Arrival {
  readonly start: () => void
  readonly shared: boolean
}

interface Line {
  /** How many arrivals have started and not left. */
  started: number
  readonly waiting: Arrival[]
}

/** Removes the arrivals that start next: the first one, or all shared ones before the first that is not shared. */
const takeNext = ({ waiting }: Line): Arrival[] => {
  const shared = waiting.findIndex((arrival) => !arrival.shared)
  return waiting.splice(0, shared === -1 ? Math.max(waiting.length, 1) : Math.max(shared, 1))
}

/** Creates an order. All kinds of writes use the same one, so that a put and a delete of one key keep their order too. */
export const createKeyOrder = (): KeyOrder => {
  const lines = new Map<string, Line>()
  return {
    arrive: (key, start, shared = false) => {
      const line = lines.get(key)
      if (line !== undefined) {
        line.waiting.push({ start, shared })
        return
      }
      lines.set(key, { started: 1, waiting: [] })
      start()
    },
    leave: (key) => {
      const line = lines.get(key)
      if (line === undefined || --line.started > 0) return
      if (line.waiting.length === 0) {
        lines.delete(key)
        return
      }
      const next = takeNext(line)
      line.started = next.length
      for (const { start } of next) start()
    },
  }
}
