import { createClient } from '@holdfast/client'
import type { Bed } from '../bed/bed.ts'
import { assertHolds, summarize } from '../violation.ts'

/** The acknowledged writes of one round, which determine the expected items. */
export interface Ledger {
  /** The prefix of all keys of the round. */
  readonly prefix: string
  /** Keys whose create was acknowledged. */
  readonly created: Set<string>
  /** Keys whose create was sent once and has an unknown outcome. */
  readonly uncertain: Set<string>
  /** Keys whose delete was acknowledged. */
  readonly deleted: Set<string>
  /** Ids whose append to a list was acknowledged. */
  readonly appended: Set<string>
  /** Keys that transactions wrote, two each, and did not delete later. */
  readonly paired: Set<string>
  /** Acknowledged transactions. */
  transactions: number
  /** Acknowledged increments. */
  incremented: number
  /** Calls that were retried with the same Idempotency-Key after the client's own retries failed. */
  retries: number
  /** Creates with an unknown outcome that were applied. */
  uncertainApplied: number
  /** The keys at the end of the round, after verification. */
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
  retries: 0,
  uncertainApplied: 0,
  remaining: new Set(),
})

const missing = (expected: Iterable<string>, present: { has: (each: string) => boolean }): string[] =>
  [...expected].filter((each) => !present.has(each))

const clientOf = ({ services }: Bed) => createClient({ url: services[0]?.url ?? '' })

/** Compares the total of a list, which every write updates, with the number of live rows. */
const verifyTotal = async (bed: Bed, when: string): Promise<void> => {
  const sql = bed.connect()
  const [row] = await sql`select count(*)::int as live from items where expires_at is null or expires_at > now()`
  await sql.end()
  const { total } = await clientOf(bed).list({ pageSize: 1 })
  assertHolds(total === row?.live, () => `${when}: the total is ${total}; expected ${row?.live}, the number of live rows`)
}

/** Compares the items of a round with its acknowledged writes. @throws Violation */
export const verifyRound = async (bed: Bed, ledger: Ledger, when: string): Promise<void> => {
  const items = new Map<string, unknown>()
  for await (const { key, value } of clientOf(bed).items({ prefix: ledger.prefix, pageSize: 100 })) items.set(key, value)
  const { created, uncertain, deleted, appended, paired, incremented, prefix } = ledger
  const keys = new Set([...items.keys()].filter((key) => key.startsWith(`${prefix}item-`)))
  const lost = missing(created, keys)
  assertHolds(lost.length === 0, () => `${when}: acknowledged creates were lost: ${summarize(lost)}`)
  const restored = [...deleted].filter((key) => keys.has(key))
  assertHolds(restored.length === 0, () => `${when}: acknowledged deletes were lost: ${summarize(restored)}`)
  const unexpected = [...keys].filter((key) => !created.has(key) && !uncertain.has(key))
  assertHolds(unexpected.length === 0, () => `${when}: creates rejected as not applied were applied: ${summarize(unexpected)}`)

  const ids = [...items].filter(([key]) => key.startsWith(`${prefix}list-`)).flatMap(([, value]) => value as string[])
  const uniqueIds = new Set(ids)
  const duplicates = ids.filter((id, index) => ids.indexOf(id) !== index)
  assertHolds(duplicates.length === 0, () => `${when}: appends were applied twice: ${summarize(duplicates)}`)
  const lostAppends = missing(appended, uniqueIds)
  assertHolds(lostAppends.length === 0, () => `${when}: acknowledged appends were lost: ${summarize(lostAppends)}`)
  const unexpectedAppends = missing(uniqueIds, appended)
  assertHolds(unexpectedAppends.length === 0, () => `${when}: unacknowledged appends were applied: ${summarize(unexpectedAppends)}`)

  const pairs = new Set([...items.keys()].filter((key) => key.startsWith(`${prefix}pair-`)))
  const partial = [...missing(paired, pairs), ...missing(pairs, paired)]
  assertHolds(partial.length === 0, () => `${when}: transactions were lost or applied partially: ${summarize(partial)}`)

  const counted = [...items].filter(([key]) => key.startsWith(`${prefix}counter-`)).reduce((sum, [, value]) => sum + Number(value), 0)
  assertHolds(counted === incremented, () => `${when}: the counters add up to ${counted}; expected ${incremented} acknowledged increments`)

  ledger.uncertainApplied = [...uncertain].filter((key) => keys.has(key)).length
  ledger.remaining = new Set(items.keys())
  await verifyTotal(bed, when)
}

/** Checks that the items of every round still exist after the kills of later rounds. @throws Violation */
export const verifyEverything = async (bed: Bed, ledgers: readonly Ledger[]): Promise<void> => {
  const expected = new Set(ledgers.flatMap(({ remaining }) => [...remaining]))
  const present = new Set<string>()
  for await (const key of clientOf(bed).keys({ pageSize: 100 })) present.add(key)
  const lost = missing(expected, present)
  assertHolds(lost.length === 0, () => `at the end: a later kill lost items: ${summarize(lost)}`)
  const extra = missing(present, expected)
  assertHolds(extra.length === 0, () => `at the end: deleted items exist again after a later kill: ${summarize(extra)}`)
}
