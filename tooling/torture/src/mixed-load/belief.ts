import type { Item } from '@holdfast/client'
import { promise } from '../violation.ts'

/** An item as the answers to its only writer make it. */
interface Believed {
  readonly text: string
  readonly version: string
  /** Milliseconds since 1970; never is Infinity. */
  readonly endsAt: number
}

/** What the only writer of some keys knows of them by the answers that it got. */
export interface Belief {
  readonly keys: () => string[]
  /** The version of an item that never ends. */
  readonly permanentVersion: (key: string) => string | undefined
  /** Whether there may, and whether there must be an item that is asked for between now and then. */
  readonly mayBeThere: (key: string, from: number) => boolean
  readonly mustBeThere: (key: string, until: number) => boolean
  /** Takes the answer to a write of `value`. @throws Violation where it tells of another value */
  readonly wrote: (key: string, value: unknown, item: Item) => void
  /** Takes the answer to a write of nothing but the expiry. @throws Violation where it tells of another value */
  readonly touched: (key: string, item: Item) => void
  readonly removed: (key: string) => void
  /** Holds what was read between `from` and now against what must be there. @throws Violation */
  readonly read: (key: string, item: Pick<Item, 'value' | 'version'> | undefined, from: number) => void
}

/** The service and we have one clock, which may be set a little meanwhile. Milliseconds. */
const slackMs = 50

export const createBelief = (): Belief => {
  const items = new Map<string, Believed>()
  const endsAt = (key: string) => items.get(key)?.endsAt ?? Number.NEGATIVE_INFINITY
  const mayBeThere = (key: string, from: number) => endsAt(key) > from - slackMs
  const mustBeThere = (key: string, until: number) => endsAt(key) > until + slackMs
  const take = (key: string, text: string | undefined, item: Item): void => {
    promise(JSON.stringify(item.value) === text, () => `${key} was written as ${text} and answered as ${JSON.stringify(item.value)}`)
    const end = item.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(item.expiresAt)
    items.set(key, { text: text ?? '', version: item.version, endsAt: end })
  }
  return {
    keys: () => [...items.keys()],
    permanentVersion: (key) => (endsAt(key) === Number.POSITIVE_INFINITY ? items.get(key)?.version : undefined),
    mayBeThere,
    mustBeThere,
    wrote: (key, value, item) => take(key, JSON.stringify(value), item),
    touched: (key, item) => take(key, items.get(key)?.text, item),
    removed: (key) => {
      items.delete(key)
    },
    read: (key, item, from) => {
      const believed = items.get(key)
      if (item === undefined) {
        promise(!mustBeThere(key, Date.now()), () => `${key} was acknowledged as ${believed?.text} and is gone`)
        return
      }
      promise(mayBeThere(key, from), () => `${key} is there as ${JSON.stringify(item.value)}; it was removed, or ended, or never written`)
      const same = JSON.stringify(item.value) === believed?.text && item.version === believed.version
      promise(
        same,
        () => `${key} is ${JSON.stringify(item.value)}, version ${item.version}; expected ${believed?.text}, version ${believed?.version}`,
      )
    },
  }
}
