import { itemSweep } from '../../../../apps/api/src/expiry/sql/sweeps.js'
import { openUncheckedSession } from '../../../../apps/api/src/postgres/sessions/unchecked-session.js'

/** Sweepers that run continuously until they are stopped. */
export interface Sweepers {
  /** Stops the sweepers. Resolves with the number of rows that they deleted. */
  readonly stop: () => Promise<number>
}

/** Runs the service's sweep statement in a loop on `count` connections. */
export const startSweepers = (url: string, count: number): Sweepers => {
  let stopped = false
  const sweep = async (): Promise<number> => {
    const { client: sql } = await openUncheckedSession({ url })
    let deleted = 0
    while (!stopped) {
      const [row] = await sql.unsafe<{ removed: number }[]>(itemSweep.smallest.text, [], { prepare: true })
      deleted += row?.removed ?? 0
    }
    await sql.end()
    return deleted
  }
  const running = Promise.all(Array.from({ length: count }, sweep))
  running.catch(() => {})
  return {
    stop: async () => {
      stopped = true
      return (await running).reduce((sum, deleted) => sum + deleted, 0)
    },
  }
}
