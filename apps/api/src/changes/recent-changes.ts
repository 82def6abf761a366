import type { Change } from './change.js'

/** The latest changes in memory, so that streams that fell behind a little need no statement. */
export interface RecentChanges {
  /** The position after which all changes are in memory. */
  readonly start: number
  add(change: Change): void
  /** Forgets all changes. Those after `position` are added later. */
  clear(position: number): void
  /** Calls `visit` with each change after a position, in order, until it returns false. */
  visitAfter(position: number, visit: (change: Change) => boolean): void
}

/** Bytes of a change besides its texts, roughly. */
const overhead = 400

const bytesOf = ({ key, value }: Change): number => overhead + 2 * (key.length + value.length)

/**
 * Creates a buffer of the latest changes.
 * @param bytesMax drops the oldest changes beyond this estimate of their memory
 */
export const createRecentChanges = (bytesMax: number): RecentChanges => {
  let changes: Change[] = []
  let first = 0
  let bytes = 0
  let start = 0

  const dropOldest = (): void => {
    while (bytes > bytesMax && first < changes.length) {
      const oldest = changes[first++] as Change
      bytes -= bytesOf(oldest)
      start = oldest.seq
    }
    if (first * 2 > changes.length) {
      changes = changes.slice(first)
      first = 0
    }
  }

  /** Returns the index of the first change after a position. */
  const indexAfter = (position: number): number => {
    let low = first
    let high = changes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((changes[middle] as Change).seq > position) high = middle
      else low = middle + 1
    }
    return low
  }

  return {
    get start() {
      return start
    },
    add: (change) => {
      changes.push(change)
      bytes += bytesOf(change)
      if (bytes > bytesMax) dropOldest()
    },
    clear: (position) => {
      changes = []
      first = 0
      bytes = 0
      start = position
    },
    visitAfter: (position, visit) => {
      for (let index = indexAfter(position); index < changes.length; index++) {
        if (!visit(changes[index] as Change)) return
      }
    },
  }
}
