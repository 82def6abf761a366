/** Returns the number of insertions, deletions, substitutions and swaps of adjacent characters between two texts. */
const editDistance = (from: string, to: string): number => {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let best = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1))
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1)
      }
      current.push(best)
    }
    beforeLast = last
    last = current
  }
  return last[to.length] ?? 0
}

/**
 * Finds the name that is closest to a misspelled one.
 * @param editsMax the largest number of edits
 * @returns undefined if no name is close enough
 */
export const nearestName = (misspelled: string, names: readonly string[], editsMax: number): string | undefined => {
  const near = names.map((name) => ({ name, edits: editDistance(misspelled, name) })).filter(({ edits }) => edits <= editsMax)
  return near.sort((one, other) => one.edits - other.edits)[0]?.name
}
