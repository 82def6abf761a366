/** Text that every possible key is before, also every one that goes on after a prefix: more bytes of the highest character than a key may have. */
export const afterEveryKey = '\u{10FFFF}'.repeat(257)

const lastCharacter = 0x10ffff
const surrogates = { first: 0xd800, last: 0xdfff }

/** The least text that no text with this beginning reaches, in bytewise order (that of code points in UTF-8). */
const afterPrefix = (prefix: string): string => {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0)
  while (points.at(-1) === lastCharacter) points.pop()
  const last = points.pop()
  if (last === undefined) return afterEveryKey
  const next = last + 1 === surrogates.first ? surrogates.last + 1 : last + 1
  return String.fromCodePoint(...points, next)
}

/** The text that comes right after a key: no key has the NUL that would come before. */
export const nextKey = (key: string): string => `${key}\u0001`

/** The keys that begin with `prefix`, as a range that an index can walk: from `from` (inclusive) to `until` (exclusive). */
export const keyRange = (prefix: string): { from: string; until: string; whole: boolean } => ({
  from: prefix,
  until: afterPrefix(prefix),
  whole: prefix === '',
})

/** The part of a key that a delimiter folds it into, up to the end of the first one behind the prefix; undefined where there is none. */
const groupedPrefix = (key: string, prefix: string, delimiter: string): string | undefined => {
  const index = key.startsWith(prefix) ? key.indexOf(delimiter, prefix.length) : -1
  return index === -1 ? undefined : key.slice(0, index + delimiter.length)
}

/** Where a folded list goes on after an entry of it: after the one key, or after all keys with that prefix. */
export const afterEntry = (entry: string, prefix: string, delimiter: string): string => {
  const grouped = groupedPrefix(entry, prefix, delimiter)
  return grouped === undefined ? nextKey(entry) : grouped + afterEveryKey
}
