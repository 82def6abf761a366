import type { Caller } from '../http/caller.js'
import { keyRange, nextKey } from '../items/key-range.js'
import { checkKey, narrowPrefix } from '../namespaces/key-prefix.js'
import type { KeyRange } from './change-reader.js'

/** The keys of a namespace that a caller wants to see. No two members have a key in common. */
export interface Selection {
  readonly namespace: string
  readonly keys: ReadonlySet<string>
  readonly prefixes: readonly string[]
}

/**
 * Creates a selection within the rights of the caller. Without keys and prefixes it is everything that the caller may read.
 * @throws ApiError forbidden
 */
export const createSelection = (
  caller: Caller | undefined,
  namespace: string,
  { keys, prefixes }: { readonly keys: readonly string[]; readonly prefixes: readonly string[] },
): Selection => {
  for (const key of keys) checkKey(caller, key)
  const asked = keys.length === 0 && prefixes.length === 0 ? [''] : prefixes
  const texts = [...new Set(asked.map((prefix) => narrowPrefix(caller, prefix)))]
  const shortest = texts.filter((text) => !texts.some((other) => other !== text && text.startsWith(other)))
  const others = keys.filter((key) => !shortest.some((prefix) => key.startsWith(prefix)))
  return { namespace, keys: new Set(others), prefixes: shortest }
}

/** Tells whether a selection has a key of its namespace. */
export const selects = ({ keys, prefixes }: Selection, key: string): boolean =>
  keys.has(key) || prefixes.some((prefix) => key.startsWith(prefix))

const compareBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))

/** Returns the separate ranges of keys of a selection, in order. */
export const rangesOf = ({ namespace, keys, prefixes }: Selection): KeyRange[] => {
  const ranges = [
    ...[...keys].map((key) => ({ namespace, from: key, until: nextKey(key) })),
    ...prefixes.map((prefix) => {
      const { from, until } = keyRange(prefix)
      return { namespace, from, until }
    }),
  ]
  return ranges.sort((one, other) => compareBytes(one.from, other.from))
}

/** Returns the smallest range that has all keys of a selection. */
export const spanOf = (selection: Selection): KeyRange => {
  const ranges = rangesOf(selection)
  const untils = ranges.map(({ until }) => until).sort(compareBytes)
  return { namespace: selection.namespace, from: ranges[0]?.from ?? '', until: untils.at(-1) ?? '' }
}
