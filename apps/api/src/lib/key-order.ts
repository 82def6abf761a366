/** Lets one write at a time go on for each key, in the order in which they arrived. */
export interface KeyOrder {
  /**
   * Calls `go` when everything that arrived before for this key has left: at once where there is nothing. Shared arrivals that wait
   * behind one another go on together.
   */
  readonly arrive: (key: string, go: () => void, shared?: boolean) => void
  readonly leave: (key: string) => void
}

interface Arrival {
  readonly go: () => void
  readonly shared: boolean
}

interface Line {
  /** How many went on and did not leave. */
  going: number
  readonly behind: Arrival[]
}

/** Takes those off the line that go on next: the first, or all shared ones up to the first that is not. */
const takeNext = ({ behind }: Line): Arrival[] => {
  const shared = behind.findIndex((arrival) => !arrival.shared)
  return behind.splice(0, shared === -1 ? Math.max(behind.length, 1) : Math.max(shared, 1))
}

/** One order for all kinds of writes, so that a put and a delete of one key keep theirs too. */
export const createKeyOrder = (): KeyOrder => {
  const lines = new Map<string, Line>()
  return {
    arrive: (key, go, shared = false) => {
      const line = lines.get(key)
      if (line !== undefined) {
        line.behind.push({ go, shared })
        return
      }
      lines.set(key, { going: 1, behind: [] })
      go()
    },
    leave: (key) => {
      const line = lines.get(key)
      if (line === undefined || --line.going > 0) return
      if (line.behind.length === 0) {
        lines.delete(key)
        return
      }
      const next = takeNext(line)
      line.going = next.length
      for (const { go } of next) go()
    },
  }
}
