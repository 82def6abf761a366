import { itemSweep } from '../../../../apps/api/src/expiry/sql/sweeps.js'
import { openUncheckedSession } from '../../../../apps/api/src/postgres/sessions/unchecked-session.js'

/** Sweepers that run until they are stopped. */
export interface Sweepers {
  /** Ends them; answers how many rows they removed. */
  readonly stop: () => Promise<number>
}

/** Runs the service's own sweeping statement without a pause, on so many connections. */
export const startSweepers = (url: string, count: number): Sweepers => {
  let stopped = false
  const sweep = async (): Promise<number> => {
    const { client: sql } = await openUncheckedSession({ url })
    let removed = 0
    while (!stopped) {
      const [row] = await sql.unsafe<{ removed: number }[]>(itemSweep.smallest.text, [], { prepare: true })
      removed += row?.removed ?? 0
    }
    await sql.end()
    return removed
  }
  const running = Promise.all(Array.from({ length: count }, sweep))
  running.catch(() => {})
  return {
    stop: async () => {
      stopped = true
      return (await running).reduce((all, removed) => all + removed, 0)
    },
  }
}
