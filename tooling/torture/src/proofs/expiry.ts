import { type Client, createClient } from '@holdfast/client'
import { type Bed, withPostgres } from '../bed/bed.ts'
import { type RaceTally, race } from '../expiry/race.ts'
import { startSweepers } from '../expiry/sweepers.ts'
import { countRounds, type Figures, type Proof } from '../proof.ts'
import { assertHolds } from '../violation.ts'

/** Number of concurrent races. */
const racers = 32
const sweepers = 1
/** Number of keys read per request. */
const batchSize = 1_000

/** Checks that every rewritten item still has the value and version of its rewrite. @throws Violation */
const verifyFresh = async (client: Client, { versions }: RaceTally): Promise<void> => {
  const keys = [...versions.keys()]
  for (let from = 0; from < keys.length; from += batchSize) {
    const batch = keys.slice(from, from + batchSize)
    for (const [index, item] of (await client.getMany(batch)).entries()) {
      const key = batch[index] as string
      const version = versions.get(key)
      assertHolds(item?.value === 'fresh', () => `${key} has no item; expected version ${version} of its acknowledged rewrite`)
      assertHolds(item?.version === version, () => `${key} has version ${item?.version}; expected ${version}`)
    }
  }
}

const verifyTotal = async (client: Client, { connect }: Bed): Promise<void> => {
  const sql = connect()
  const [row] = await sql`select count(*)::int as rows from items`
  await sql.end()
  const { total } = await client.list({ pageSize: 1 })
  assertHolds(total === row?.rows, () => `the total is ${total}; expected ${row?.rows}, the number of rows`)
}

/**
 * Writes items that expire soon, and rewrites and reads them at about their expiry. Meanwhile the
 * sweepers of the services, and one that never pauses, delete expired rows. No rewritten item may be
 * deleted and no expired item served. A round is one race on one key.
 */
export const proveExpiry: Proof = (extent): Promise<Figures> =>
  withPostgres({ settings: { SWEEP_INTERVAL_SECONDS: '1' } }, async (bed) => {
    const clients = bed.services.map(({ url }) => createClient({ url }))
    const tally: RaceTally = { replaced: 0, created: 0, lateReads: 0, versions: new Map() }
    const sweeping = startSweepers(bed.database.url, sweepers)
    const hasNextRound = countRounds(extent)
    let [races, lateWrites] = [0, 0]
    const run = async (_: unknown, racer: number): Promise<void> => {
      while (hasNextRound()) {
        const key = `race-${racer}-${races++}`
        while (!(await race(clients[racer % clients.length] as Client, clients, key, tally))) lateWrites++
      }
    }
    await Promise.all(Array.from({ length: racers }, run))
    const swept = await sweeping.stop()
    await verifyFresh(clients[0] as Client, tally)
    await verifyTotal(clients[0] as Client, bed)
    return {
      races,
      'rewrites before the expiry': tally.replaced,
      'rewrites after the expiry': tally.created,
      'reads after the expiry without the expired value': tally.lateReads,
      'rows swept': swept,
      'first writes after their own expiry': lateWrites,
    }
  })
