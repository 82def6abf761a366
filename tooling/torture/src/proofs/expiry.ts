import { type Client, createClient } from '@holdfast/client'
import { type Bed, withPostgres } from '../bed/bed.ts'
import { type RaceTally, race } from '../expiry/race.ts'
import { startSweepers } from '../expiry/sweepers.ts'
import { type Figures, type Proof, roundsOf } from '../proof.ts'
import { promise } from '../violation.ts'

/** Races that run at the same time. */
const racers = 32
const sweepers = 1
/** Keys that one request reads. */
const batch = 1_000

/** Every rewritten item must be there as it was rewritten. @throws Violation */
const verifyFresh = async (client: Client, { versions }: RaceTally): Promise<void> => {
  const keys = [...versions.keys()]
  for (let from = 0; from < keys.length; from += batch) {
    const some = keys.slice(from, from + batch)
    for (const [index, item] of (await client.getMany(some)).entries()) {
      const key = some[index] as string
      promise(item?.value === 'fresh', () => `${key} was rewritten and is gone; the rewrite made version ${versions.get(key)}`)
      promise(item?.version === versions.get(key), () => `${key} has version ${item?.version}; its rewrite made ${versions.get(key)}`)
    }
  }
}

const verifyTotal = async (client: Client, { connect }: Bed): Promise<void> => {
  const sql = connect()
  const [row] = await sql`select count(*)::int as rows from items`
  await sql.end()
  const { total } = await client.list({ pageSize: 1 })
  promise(total === row?.rows, () => `the total is ${total}, and there are ${row?.rows} rows`)
}

/**
 * Writes items that end soon, and at about their end rewrites and reads them, while the services' sweepers and some that never pause
 * remove what has expired. No fresh value may be removed and no expired one served. A round is one such race.
 */
export const proveExpiry: Proof = (extent): Promise<Figures> =>
  withPostgres({ settings: { SWEEP_INTERVAL_SECONDS: '1' } }, async (bed) => {
    const clients = bed.services.map(({ url }) => createClient({ url }))
    const tally: RaceTally = { replaced: 0, created: 0, lateReads: 0, versions: new Map() }
    const sweeping = startSweepers(bed.database.url, sweepers)
    const another = roundsOf(extent)
    let [races, missed] = [0, 0]
    const run = async (_: unknown, racer: number): Promise<void> => {
      while (another()) {
        const key = `race-${racer}-${races++}`
        while (!(await race(clients[racer % clients.length] as Client, clients, key, tally))) missed++
      }
    }
    await Promise.all(Array.from({ length: racers }, run))
    const swept = await sweeping.stop()
    await verifyFresh(clients[0] as Client, tally)
    await verifyTotal(clients[0] as Client, bed)
    return {
      races,
      'rewrites before the expiry': tally.replaced,
      'rewrites after it': tally.created,
      'reads after it, all without the old value': tally.lateReads,
      'rows swept': swept,
      'first writes that came too late': missed,
    }
  })
