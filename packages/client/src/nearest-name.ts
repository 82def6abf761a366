const plain = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '')

/** Insertions, deletions and substitutions that turn one text into the other (Levenshtein distance). */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, n) => n)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const substituted = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(substituted, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}

/** The known name that a misspelt one was probably meant to be; undefined if none is close. */
export const nearestName = (given: string, known: readonly string[]): string | undefined => {
  // Longer texts cannot be near, and would take long to compare.
  if (given.length > 40) return undefined
  const ranked = known.map((name) => ({ name, distance: distance(plain(given), plain(name)) })).sort((a, b) => a.distance - b.distance)
  const [best] = ranked
  return best !== undefined && best.distance <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : undefined
}
