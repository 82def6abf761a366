import type { Change } from './change.js'
import type { Selection } from './selection.js'

/** Finds the members that select a key, at a cost that depends on them and not on all members. */
export interface StreamIndex<Member> {
  add(member: Member, selection: Selection): void
  remove(member: Member, selection: Selection): void
  /** Calls `visit` once for each member that selects the key of a change. */
  visit(change: Change, visit: (member: Member) => void): void
}

/** A map of sets without empty sets. */
const createSets = <Member>() => {
  const sets = new Map<string, Set<Member>>()
  return {
    of: (name: string): ReadonlySet<Member> | undefined => sets.get(name),
    add: (name: string, member: Member): void => {
      const set = sets.get(name) ?? new Set()
      sets.set(name, set.add(member))
    },
    remove: (name: string, member: Member): void => {
      const set = sets.get(name)
      set?.delete(member)
      if (set?.size === 0) sets.delete(name)
    },
  }
}

/** Counts the prefixes of each length, so that only these lengths of a key are looked up. */
const createLengths = () => {
  const counts = new Map<number, number>()
  return {
    all: () => counts.keys(),
    change: (length: number, by: 1 | -1): void => {
      const count = (counts.get(length) ?? 0) + by
      if (count === 0) counts.delete(length)
      else counts.set(length, count)
    },
  }
}

/** No namespace contains a slash. */
const nameOf = (namespace: string, text: string): string => `${namespace}/${text}`

/** Creates an index of members by their selections. */
export const createStreamIndex = <Member>(): StreamIndex<Member> => {
  const byKey = createSets<Member>()
  const byPrefix = createSets<Member>()
  const lengths = createLengths()
  return {
    add: (member, { namespace, keys, prefixes }) => {
      for (const key of keys) byKey.add(nameOf(namespace, key), member)
      for (const prefix of prefixes) {
        byPrefix.add(nameOf(namespace, prefix), member)
        lengths.change(prefix.length, 1)
      }
    },
    remove: (member, { namespace, keys, prefixes }) => {
      for (const key of keys) byKey.remove(nameOf(namespace, key), member)
      for (const prefix of prefixes) {
        byPrefix.remove(nameOf(namespace, prefix), member)
        lengths.change(prefix.length, -1)
      }
    },
    visit: ({ namespace, key }, visit) => {
      for (const member of byKey.of(nameOf(namespace, key)) ?? []) visit(member)
      for (const length of lengths.all()) {
        if (length > key.length) continue
        for (const member of byPrefix.of(nameOf(namespace, key.slice(0, length))) ?? []) visit(member)
      }
    },
  }
}
