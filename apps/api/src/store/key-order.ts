/** Lets one write at a time go on for each key, in the order in which they arrived. */
export interface KeyOrder {
  /** Calls `go` when everything that arrived before for this key has left: at once where there is nothing. */
  readonly arrive: (key: string, go: () => void) => void
  readonly leave: (key: string) => void
}

/** One order for all kinds of writes, so that a put and a delete of one key keep theirs too. */
export const createKeyOrder = (): KeyOrder => {
  const behind = new Map<string, (() => void)[]>()
  return {
    arrive: (key, go) => {
      const others = behind.get(key)
      if (others !== undefined) {
        others.push(go)
        return
      }
      behind.set(key, [])
      go()
    },
    leave: (key) => {
      const next = behind.get(key)?.shift()
      if (next === undefined) behind.delete(key)
      else next()
    },
  }
}
