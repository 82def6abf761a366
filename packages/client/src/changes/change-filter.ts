import { typeName } from '../describe.js'
import { InvalidArgumentError } from '../errors.js'
import { assertKey } from '../path.js'

/** The keys whose changes are wanted: all keys of the namespace without any of these options, or with several, those of each. */
export interface ChangeFilter {
  /**
   * Changes of keys that start with this text.
   * @default none
   */
  readonly prefix?: string | undefined
  /**
   * Changes of keys that start with one of these texts. At most 16.
   * @default none
   */
  readonly prefixes?: readonly string[] | undefined
  /**
   * Changes of this key.
   * @default none
   */
  readonly key?: string | undefined
  /**
   * Changes of these keys: at most 1,000, or 100 for `changes`.
   * @default none
   */
  readonly keys?: readonly string[] | undefined
}

export const filterNames = { prefix: '', prefixes: '', key: '', keys: '' } as const satisfies Record<keyof ChangeFilter, ''>

/** The keys and prefixes of a filter. Both are empty for all keys. */
export interface Selection {
  readonly key: readonly string[]
  readonly prefix: readonly string[]
}

const texts = (what: string, name: string, one: unknown, many: unknown): string[] => {
  if (many !== undefined && !Array.isArray(many)) throw new InvalidArgumentError(`${what}: ${name} must be an array, not ${typeName(many)}`)
  const all: unknown[] = [...(one === undefined ? [] : [one]), ...(many ?? [])]
  for (const text of all) {
    if (typeof text !== 'string') throw new InvalidArgumentError(`${what}: ${name} must be strings, not ${typeName(text)}`)
  }
  return all as string[]
}

/** Returns the keys and prefixes of a filter. @throws InvalidArgumentError */
export const selectionOf = (what: string, { prefix, prefixes, key, keys }: ChangeFilter): Selection => {
  const selection = { key: texts(what, 'keys', key, keys), prefix: texts(what, 'prefixes', prefix, prefixes) }
  for (const each of selection.key) assertKey(what, each)
  // The service would select all keys.
  if ((keys ?? prefixes) !== undefined && selection.key.length + selection.prefix.length === 0)
    throw new InvalidArgumentError(`${what}: keys and prefixes are empty; omit both for the changes of all keys`)
  return selection
}
