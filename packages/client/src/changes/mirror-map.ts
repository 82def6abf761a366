import { after } from '../after.js'
import type { Item } from '../types.js'
import type { ServiceClock } from './service-clock.js'

/** A change of a mirror. `previous` is the item that the mirror had before. */
export type MirrorChange<Value = unknown> =
  | { readonly type: 'put'; readonly key: string; readonly item: Item<Value>; readonly previous: Item<Value> | undefined }
  | { readonly type: 'delete' | 'expire'; readonly key: string; readonly item: undefined; readonly previous: Item<Value> }

/** The items of a mirror. */
export interface MirrorMap<Value> {
  readonly get: (key: string) => Item<Value> | undefined
  readonly entries: () => Generator<[string, Item<Value>], void, undefined>
  readonly size: () => number
  readonly put: (item: Item<Value>) => void
  readonly end: (ended: { readonly type: 'delete' | 'expire'; readonly key: string }) => void
  /** Starts a new map aside. Until it is complete, the old one is shown. */
  readonly rebuild: () => void
  readonly isRebuilding: () => boolean
  /** Shows the new map, and reports how it differs from the old one. */
  readonly completeRebuild: () => void
  /** Stops reporting expired items. */
  readonly stop: () => void
}

/** Milliseconds between two removals of expired items, for each item of the map. Each removal reads the whole map. */
const pauseMsPerItem = 0.01

/** Creates an empty map. Items disappear when they expire, by the clock of the service. */
export const createMirrorMap = <Value>(clock: ServiceClock, onChange: (change: MirrorChange<Value>) => void): MirrorMap<Value> => {
  let items = new Map<string, Item<Value>>()
  let next: Map<string, Item<Value>> | undefined
  /** No item of `items` expires before this time. */
  let firstExpiry = Number.POSITIVE_INFINITY
  let isStopped = false
  let cancelTimer = () => {}

  const expiryOf = ({ expiresAt }: Item<Value>): number => (expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt))
  const hasExpired = (item: Item<Value>): boolean => expiryOf(item) <= clock.now()

  const remove = (type: 'delete' | 'expire', key: string): void => {
    const previous = items.get(key)
    if (previous === undefined) return
    items.delete(key)
    onChange({ type, key, item: undefined, previous })
  }

  const removeExpired = (): void => {
    if (firstExpiry <= clock.now()) {
      const expired: string[] = []
      firstExpiry = Number.POSITIVE_INFINITY
      for (const [key, item] of items) {
        if (hasExpired(item)) expired.push(key)
        else firstExpiry = Math.min(firstExpiry, expiryOf(item))
      }
      for (const key of expired) remove('expire', key)
    }
    setTimer()
  }
  const setTimer = (): void => {
    cancelTimer()
    const waitMs = Math.max(firstExpiry - clock.now(), items.size * pauseMsPerItem, 1)
    if (!isStopped) cancelTimer = after(waitMs, removeExpired, true)
  }
  const noteExpiry = (item: Item<Value>): void => {
    const expiry = expiryOf(item)
    if (expiry >= firstExpiry) return
    firstExpiry = expiry
    setTimer()
  }
  const put = (item: Item<Value>): void => {
    const { key } = item
    if (hasExpired(item)) {
      remove('expire', key)
      return
    }
    const previous = items.get(key)
    items.set(key, item)
    noteExpiry(item)
    onChange({ type: 'put', key, item, previous })
  }

  function* entries(): Generator<[string, Item<Value>], void, undefined> {
    for (const entry of items) if (!hasExpired(entry[1])) yield entry
  }

  return {
    get: (key) => {
      const item = items.get(key)
      return item === undefined || hasExpired(item) ? undefined : item
    },
    entries,
    size: () => (firstExpiry > clock.now() ? items.size : [...entries()].length),
    put: (item) => void (next === undefined ? put(item) : next.set(item.key, item)),
    end: ({ type, key }) => {
      if (next === undefined) remove(type, key)
      else next.delete(key)
    },
    rebuild: () => {
      next = new Map()
    },
    isRebuilding: () => next !== undefined,
    completeRebuild: () => {
      if (next === undefined) return
      const rebuilt = next
      const before = items
      next = undefined
      // Listeners see the new map, whichever of its changes they are called with.
      items = new Map([...rebuilt].filter(([, item]) => !hasExpired(item)))
      firstExpiry = Number.POSITIVE_INFINITY
      for (const item of items.values()) firstExpiry = Math.min(firstExpiry, expiryOf(item))
      setTimer()
      for (const [key, previous] of before) {
        if (!items.has(key)) onChange({ type: hasExpired(previous) ? 'expire' : 'delete', key, item: undefined, previous })
      }
      for (const [key, item] of items) {
        const previous = before.get(key)
        if (previous?.version !== item.version) onChange({ type: 'put', key, item, previous })
      }
    },
    stop: () => {
      isStopped = true
      cancelTimer()
    },
  }
}
