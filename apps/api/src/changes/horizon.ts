/** A position of the log, and the transactions that had not ended when it was the last one. */
interface Candidate {
  readonly position: number
  readonly writers: readonly string[]
}

/** More candidates wait only while a writer keeps its transaction open for long. */
const candidatesMax = 64

/** Finds the position up to which the log is final: every transaction that took an earlier position has ended. */
export interface Horizon {
  /**
   * Takes the end of the log and the writers that were read after it.
   * @returns the position that all its writers have left, or undefined if there is no new one
   */
  observe(position: number, writers: readonly string[]): number | undefined
}

/**
 * Creates a horizon. A transaction that is in no later list of writers has ended, and is visible to later statements. So a position is
 * reached when none of the writers of its time is left.
 */
export const createHorizon = (): Horizon => {
  let candidates: Candidate[] = []
  return {
    observe: (position, writers) => {
      const open = new Set(writers)
      candidates.push({ position, writers })
      // The second one is dropped, so that the oldest stays and new ones come.
      if (candidates.length > candidatesMax) candidates.splice(1, 1)
      const reached = candidates.findLastIndex((candidate) => candidate.writers.every((writer) => !open.has(writer)))
      if (reached === -1) return undefined
      const { position: found } = candidates[reached] as Candidate
      candidates = candidates.slice(reached + 1)
      return found
    },
  }
}
