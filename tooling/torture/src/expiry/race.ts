import { setTimeout as wait } from 'node:timers/promises'
import { type Client, InvalidRequestError } from '@holdfast/client'
import { promise } from '../violation.ts'

/** What became of races. */
export interface RaceTally {
  /** Rewrites that found the item live. */
  replaced: number
  /** Rewrites that came after its end. */
  created: number
  /** Reads that were sent after its end. */
  lateReads: number
  /** The version that each key was rewritten with. */
  readonly versions: Map<string, string>
}

/** From the first write to the expiry: time for the write to get through. Milliseconds. */
const leadMs = 60
/** Rewrites and reads come so close to the expiry, before or after it. Milliseconds. */
const spreadMs = 6

/** A moment close to an instant, in milliseconds since 1970. */
const around = (instant: number): Promise<void> => wait(Math.max(0, instant - Date.now() + (Math.random() * 2 - 1.3) * spreadMs))

/** An expired item must not be read: the service and we have one clock, that of this machine. */
const read = async (client: Client, key: string, expiresAt: number, tally: RaceTally): Promise<void> => {
  await around(expiresAt)
  const sent = Date.now()
  const item = await client.get(key)
  if (sent < expiresAt) return
  tally.lateReads++
  promise(item?.value !== 'old', () => `${key} was read ${sent - expiresAt} ms after its expiry: ${JSON.stringify(item)}`)
}

const rewrite = async (client: Client, key: string, expiresAt: number, tally: RaceTally): Promise<void> => {
  await around(expiresAt)
  const sent = Date.now()
  const { version, createdAt, updatedAt } = await client.put(key, 'fresh', Math.random() < 0.5 ? { ttl: 3_600 } : {})
  tally.versions.set(key, version)
  const created = createdAt === updatedAt
  tally[created ? 'created' : 'replaced']++
  promise(created || sent < expiresAt, () => `${key} was replaced ${sent - expiresAt} ms after its expiry, as if it had been live`)
}

/**
 * Writes an item that ends soon, and rewrites and reads it at about its end; `others` are clients besides the writer's.
 * @returns false where the first write came too late for its own expiry
 * @throws Violation
 */
export const race = async (client: Client, others: readonly Client[], key: string, tally: RaceTally): Promise<boolean> => {
  const expiresAt = Date.now() + leadMs
  try {
    await client.put(key, 'old', { expiresAt: new Date(expiresAt).toISOString() })
  } catch (error) {
    if (error instanceof InvalidRequestError) return false
    throw error
  }
  await Promise.all([rewrite(client, key, expiresAt, tally), ...others.map((other) => read(other, key, expiresAt, tally))])
  return true
}
