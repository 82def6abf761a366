import { setTimeout as wait } from 'node:timers/promises'
import { type Client, InvalidRequestError } from '@holdfast/client'
import { assertHolds } from '../violation.ts'

/** Counts of the outcomes of races. */
export interface RaceTally {
  /** Rewrites that replaced the item before its expiry. */
  replaced: number
  /** Rewrites that created a new item after the expiry. */
  created: number
  /** Reads that were sent after the expiry. */
  lateReads: number
  /** The version of each rewritten item. */
  readonly versions: Map<string, string>
}

/** Time from the first write to the expiry. */
const leadMs = 60
/** Spread of the rewrites and reads around the expiry. */
const spreadMs = 6

/** Waits until a random time close to an instant, given in milliseconds since 1970. */
const waitUntilAbout = (instant: number): Promise<void> => wait(Math.max(0, instant - Date.now() + (Math.random() * 2 - 1.3) * spreadMs))

/** Reads an item at about its expiry. The service and this process use the same clock. @throws Violation if a read returns an expired item */
const checkRead = async (client: Client, key: string, expiresAt: number, tally: RaceTally): Promise<void> => {
  await waitUntilAbout(expiresAt)
  const sent = Date.now()
  const item = await client.get(key)
  if (sent < expiresAt) return
  tally.lateReads++
  assertHolds(
    item?.value !== 'old',
    () => `a read of ${key}, sent ${sent - expiresAt} ms after the expiry, returned ${JSON.stringify(item)}`,
  )
}

const rewrite = async (client: Client, key: string, expiresAt: number, tally: RaceTally): Promise<void> => {
  await waitUntilAbout(expiresAt)
  const sent = Date.now()
  const { version, createdAt, updatedAt } = await client.put(key, 'fresh', Math.random() < 0.5 ? { ttl: 3_600 } : {})
  tally.versions.set(key, version)
  const isNew = createdAt === updatedAt
  tally[isNew ? 'created' : 'replaced']++
  assertHolds(isNew || sent < expiresAt, () => `a put, sent ${sent - expiresAt} ms after the expiry of ${key}, replaced the expired item`)
}

/**
 * Writes an item that expires soon. Then rewrites it with `client` and reads it with `readers` at about
 * its expiry.
 * @returns false if the first write arrived after its own expiry
 * @throws Violation
 */
export const race = async (client: Client, readers: readonly Client[], key: string, tally: RaceTally): Promise<boolean> => {
  const expiresAt = Date.now() + leadMs
  try {
    await client.put(key, 'old', { expiresAt: new Date(expiresAt).toISOString() })
  } catch (error) {
    if (error instanceof InvalidRequestError) return false
    throw error
  }
  await Promise.all([rewrite(client, key, expiresAt, tally), ...readers.map((reader) => checkRead(reader, key, expiresAt, tally))])
  return true
}
