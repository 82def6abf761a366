import type { Item } from '@holdfast/client'
import { assertHolds } from '../violation.ts'

/** An item as expected after the responses that its only writer received. */
interface ExpectedItem {
  readonly text: string
  readonly version: string
  /** Milliseconds since 1970. Infinity if the item does not expire. */
  readonly expiresAt: number
}

/** The expected items of a caller that is the only writer of its keys. Times are in milliseconds since 1970. */
export interface ExpectedItems {
  readonly keys: () => string[]
  /** Returns the version of an item without an expiry, else undefined. */
  readonly permanentVersion: (key: string) => string | undefined
  /** Returns whether a request sent at `from` or later may find an item. */
  readonly mayExist: (key: string, from: number) => boolean
  /** Returns whether a request that ended by `until` must have found an item. */
  readonly mustExist: (key: string, until: number) => boolean
  /** Records the response to a write of `value`. @throws Violation if the response has another value */
  readonly recordWrite: (key: string, value: unknown, item: Item) => void
  /** Records the response to a change of the expiry. @throws Violation if the response has another value */
  readonly recordTouch: (key: string, item: Item) => void
  readonly recordDelete: (key: string) => void
  /** Checks the result of a read that was sent at `from` and has just ended. @throws Violation */
  readonly checkRead: (key: string, item: Pick<Item, 'value' | 'version'> | undefined, from: number) => void
}

/** Tolerance for adjustments of the clock, which the service and this process share. */
const slackMs = 50

export const createExpectedItems = (): ExpectedItems => {
  const items = new Map<string, ExpectedItem>()
  const expiresAt = (key: string) => items.get(key)?.expiresAt ?? Number.NEGATIVE_INFINITY
  const mayExist = (key: string, from: number) => expiresAt(key) > from - slackMs
  const mustExist = (key: string, until: number) => expiresAt(key) > until + slackMs
  const record = (key: string, text: string | undefined, item: Item): void => {
    assertHolds(JSON.stringify(item.value) === text, () => `a write of ${key} returned ${JSON.stringify(item.value)}; expected ${text}`)
    const expiry = item.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(item.expiresAt)
    items.set(key, { text: text ?? '', version: item.version, expiresAt: expiry })
  }
  return {
    keys: () => [...items.keys()],
    permanentVersion: (key) => (expiresAt(key) === Number.POSITIVE_INFINITY ? items.get(key)?.version : undefined),
    mayExist,
    mustExist,
    recordWrite: (key, value, item) => record(key, JSON.stringify(value), item),
    recordTouch: (key, item) => record(key, items.get(key)?.text, item),
    recordDelete: (key) => {
      items.delete(key)
    },
    checkRead: (key, item, from) => {
      const expectedItem = items.get(key)
      if (item === undefined) {
        assertHolds(!mustExist(key, Date.now()), () => `${key} has no item; expected the acknowledged value ${expectedItem?.text}`)
        return
      }
      assertHolds(mayExist(key, from), () => `${key} is ${JSON.stringify(item.value)}; expected no item`)
      const same = JSON.stringify(item.value) === expectedItem?.text && item.version === expectedItem.version
      assertHolds(
        same,
        () =>
          `${key} is ${JSON.stringify(item.value)}, version ${item.version}; expected ${expectedItem?.text}, version ${expectedItem?.version}`,
      )
    },
  }
}
