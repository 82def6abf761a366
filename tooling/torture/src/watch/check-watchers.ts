import { assertHolds } from '../violation.ts'
import type { LoggedChange } from './change-record.ts'
import type { Segment, Watcher } from './watcher.ts'

/** A put has the rank of its version, and the end of an item comes right after its version. */
const rankOf = ({ kind, version }: Pick<LoggedChange, 'kind' | 'version'>): bigint => BigInt(version) * 2n + (kind === 'put' ? 0n : 1n)

/** Returns the items after all changes up to a position, by key. */
const replay = (changes: readonly LoggedChange[], upTo = Number.POSITIVE_INFINITY): Map<string, LoggedChange> => {
  const items = new Map<string, LoggedChange>()
  for (const change of changes) {
    if (change.seq > upTo) break
    if (change.kind === 'put') items.set(change.key, change)
    else if (change.kind === 'truncate') items.clear()
    else items.delete(change.key)
  }
  return items
}

/** Checks that versions grow for each key, and that only an item that exists ends. */
export const checkOrder = (changes: readonly LoggedChange[]): void => {
  const ranks = new Map<string, bigint>()
  for (const change of changes) {
    if (change.kind === 'truncate') {
      ranks.clear()
      continue
    }
    const rank = rankOf(change)
    const last = ranks.get(change.key)
    assertHolds(last === undefined || last < rank, () => `the log has ${change.kind} ${change.version} of ${change.key} too late`)
    assertHolds(
      change.kind === 'put' || last === rank - 1n,
      () => `the log ends version ${change.version} of ${change.key}, which was not current`,
    )
    ranks.set(change.key, rank)
  }
}

/** Checks that a segment has exactly the changes of the log between its positions, in the same order. The log ended before the watchers. */
const checkSegment = ({ selects }: Watcher, { start, end, changes: all }: Segment, log: readonly LoggedChange[]): void => {
  const last = log.at(-1)?.seq ?? 0
  const changes = all.filter(({ seq }) => seq <= last)
  const expected = log.filter((change) => change.seq > start && change.seq <= end && change.kind !== 'truncate' && selects(change.key))
  for (let index = 0; index < Math.max(expected.length, changes.length); index++) {
    const [seen, logged] = [changes[index], expected[index]]
    const isEqual =
      seen?.seq === logged?.seq && seen?.kind === logged?.kind && seen?.key === logged?.key && seen?.version === logged?.version
    assertHolds(isEqual, () => `a watcher between ${start} and ${end} saw ${JSON.stringify(seen)} instead of ${JSON.stringify(logged)}`)
  }
}

/** Checks that a snapshot with its changes is the state at its position. Items that expire may be missing, because reads omit them. */
const checkSnapshot = ({ selects }: Watcher, { start, snapshot }: Segment, log: readonly LoggedChange[]): void => {
  if (snapshot === undefined) return
  const items = replay(log, start)
  for (const [key, { version, expires }] of items) {
    if (!selects(key)) continue
    const seen = snapshot.get(key)
    assertHolds(
      seen === version || (expires && seen === undefined),
      () => `a snapshot at ${start} has ${key} as ${seen} instead of ${version}`,
    )
  }
  for (const key of snapshot.keys()) assertHolds(items.has(key), () => `a snapshot at ${start} has ${key}, which did not exist`)
}

/** Checks every stream of a watcher against the log. Returns the number of changes that it saw. */
export const checkWatcher = (watcher: Watcher, log: readonly LoggedChange[]): number => {
  for (const segment of watcher.segments) {
    checkSegment(watcher, segment, log)
    checkSnapshot(watcher, segment, log)
  }
  return watcher.segments.reduce((sum, { changes }) => sum + changes.length, 0)
}

/** Checks that the log ends in the state of the table. `items` has the versions of all rows by key. */
export const checkFinalState = (log: readonly LoggedChange[], items: ReadonlyMap<string, string>): void => {
  const replayed = replay(log)
  for (const [key, version] of items)
    assertHolds(
      replayed.get(key)?.version === version,
      () => `the log ends with ${key} as ${replayed.get(key)?.version}, the table has ${version}`,
    )
  for (const key of replayed.keys()) assertHolds(items.has(key), () => `the log ends with ${key}, which the table does not have`)
}
