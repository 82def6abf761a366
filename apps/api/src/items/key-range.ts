/** A text after all keys, and, appended to a prefix, after all keys with it: the highest character, more often than a key can have it. */
export const afterEveryKey = '\u{10FFFF}'.repeat(257)

const lastCharacter = 0x10ffff
const surrogates = { first: 0xd800, last: 0xdfff }

/** Returns the first text after all texts with a prefix, in bytewise order (which is that of code points in UTF-8). */
const afterPrefix = (prefix: string): string => {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0)
  while (points.at(-1) === lastCharacter) points.pop()
  const last = points.pop()
  if (last === undefined) return afterEveryKey
  const next = last + 1 === surrogates.first ? surrogates.last + 1 : last + 1
  return String.fromCodePoint(...points, next)
}

/** Returns the first text after a key. No key has the NUL character, which would come earlier. */
export const nextKey = (key: string): string => `${key}\u0001`

/** Returns the keys with a prefix as a range of an index, from `from` (inclusive) to `until` (exclusive). `whole` is true for all keys. */
export const keyRange = (prefix: string): { from: string; until: string; whole: boolean } => ({
  from: prefix,
  until: afterPrefix(prefix),
  whole: prefix === '',
})

/** Returns the group of a key: the text up to the end of the first delimiter after the prefix. Undefined if it has none. */
const groupedPrefix = (key: string, prefix: string, delimiter: string): string | undefined => {
  const index = key.startsWith(prefix) ? key.indexOf(delimiter, prefix.length) : -1
  return index === -1 ? undefined : key.slice(0, index + delimiter.length)
}

/** Returns where a grouped list continues after an entry: after the key, or after all keys of the group. */
export const afterEntry = (entry: string, prefix: string, delimiter: string): string => {
  const grouped = groupedPrefix(entry, prefix, delimiter)
  return grouped === undefined ? nextKey(entry) : grouped + afterEveryKey
}
