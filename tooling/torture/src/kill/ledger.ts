import { createClient } from '@holdfast/client'
import type { Bed } from '../bed/bed.ts'
import { promise, some } from '../violation.ts'

/** What the writers of one round were told, and what is therefore to be found. */
export interface Ledger {
  /** Begins all keys of the round. */
  readonly prefix: string
  /** Keys whose create was acknowledged. */
  readonly created: Set<string>
  /** Keys whose create, sent once, may or may not have been applied. */
  readonly uncertain: Set<string>
  /** Keys whose delete was acknowledged. */
  readonly deleted: Set<string>
  /** Ids whose append to a list was acknowledged. */
  readonly appended: Set<string>
  /** Keys that transactions wrote, two in each, and have not removed since. */
  readonly paired: Set<string>
  /** Acknowledged transactions. */
  transactions: number
  /** Acknowledged increments. */
  incremented: number
  /** Calls that were repeated with their Idempotency-Key after the client had given up. */
  repeats: number
  /** Uncertain creates that had been applied. */
  found: number
  /** What the round left, as it was verified. */
  remaining: Set<string>
}

export const createLedger = (round: string): Ledger => ({
  prefix: `${round}/`,
  created: new Set(),
  uncertain: new Set(),
  deleted: new Set(),
  appended: new Set(),
  paired: new Set(),
  transactions: 0,
  incremented: 0,
  repeats: 0,
  found: 0,
  remaining: new Set(),
})

const missing = (expected: Iterable<string>, present: { has: (each: string) => boolean }): string[] =>
  [...expected].filter((each) => !present.has(each))

const clientOf = ({ services }: Bed) => createClient({ url: services[0]?.url ?? '' })

/** Totals, which are counted by the writes, against the rows themselves. */
const verifyTotal = async (bed: Bed, when: string): Promise<void> => {
  const sql = bed.connect()
  const [row] = await sql`select count(*)::int as live from items where expires_at is null or expires_at > now()`
  await sql.end()
  const { total } = await clientOf(bed).list({ pageSize: 1 })
  promise(total === row?.live, () => `${when}: the total is ${total} and ${row?.live} items are live`)
}

/** Holds what a round left against what its writers were told. @throws Violation */
export const verifyRound = async (bed: Bed, ledger: Ledger, when: string): Promise<void> => {
  const items = new Map<string, unknown>()
  for await (const { key, value } of clientOf(bed).items({ prefix: ledger.prefix, pageSize: 100 })) items.set(key, value)
  const { created, uncertain, deleted, appended, paired, incremented, prefix } = ledger
  const keys = new Set([...items.keys()].filter((key) => key.startsWith(`${prefix}item-`)))
  const lost = missing(created, keys)
  promise(lost.length === 0, () => `${when}: acknowledged and lost: ${some(lost)}`)
  const undone = [...deleted].filter((key) => keys.has(key))
  promise(undone.length === 0, () => `${when}: deleted and there again: ${some(undone)}`)
  const unexpected = [...keys].filter((key) => !created.has(key) && !uncertain.has(key))
  promise(unexpected.length === 0, () => `${when}: refused as not applied and yet there: ${some(unexpected)}`)

  const ids = [...items].filter(([key]) => key.startsWith(`${prefix}list-`)).flatMap(([, value]) => value as string[])
  const once = new Set(ids)
  promise(once.size === ids.length, () => `${when}: appended twice: ${some(ids.filter((id, index) => ids.indexOf(id) !== index))}`)
  const gone = missing(appended, once)
  promise(gone.length === 0, () => `${when}: appended and lost: ${some(gone)}`)
  const extra = missing(once, appended)
  promise(extra.length === 0, () => `${when}: appended by nobody: ${some(extra)}`)

  const pairs = new Set([...items.keys()].filter((key) => key.startsWith(`${prefix}pair-`)))
  const halves = [...missing(paired, pairs), ...missing(pairs, paired)]
  promise(halves.length === 0, () => `${when}: lost of a transaction, or there in spite of one: ${some(halves)}`)

  const counted = [...items].filter(([key]) => key.startsWith(`${prefix}counter-`)).reduce((sum, [, value]) => sum + Number(value), 0)
  promise(counted === incremented, () => `${when}: ${incremented} increments were acknowledged and ${counted} are counted`)

  ledger.found = [...uncertain].filter((key) => keys.has(key)).length
  ledger.remaining = new Set(items.keys())
  await verifyTotal(bed, when)
}

/** Holds all that is left in the end against what each round left: later kills must not take what earlier ones did not. @throws Violation */
export const verifyEverything = async (bed: Bed, ledgers: readonly Ledger[]): Promise<void> => {
  const expected = new Set(ledgers.flatMap(({ remaining }) => [...remaining]))
  const present = new Set<string>()
  for await (const key of clientOf(bed).keys({ pageSize: 100 })) present.add(key)
  const lost = missing(expected, present)
  promise(lost.length === 0, () => `in the end: lost by a later kill: ${some(lost)}`)
  const extra = missing(present, expected)
  promise(extra.length === 0, () => `in the end: there again after a later kill: ${some(extra)}`)
}
