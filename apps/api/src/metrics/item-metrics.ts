import { singleFlight } from '../lib/single-flight.js'
import { withTimeout } from '../lib/with-timeout.js'
import { deadlines } from '../postgres/deadlines.js'
import type { Pool } from '../postgres/pool.js'
import type { Family } from './family.js'
import { type MeasuredItems, measureItems } from './sql/measure-items.js'
import { type MeasuredTable, measureTables } from './sql/measure-tables.js'

/** How long a measurement is good: scrapes in between cost the database nothing. Milliseconds. */
const freshMs = 15_000
/** How long a scrape waits for a measurement, which goes on without it. Milliseconds. */
const patienceMs = 1_000

interface Measured {
  readonly at: number
  readonly items: readonly MeasuredItems[]
  readonly tables: readonly MeasuredTable[]
}

/** Measures what the database holds, at most once in {@link freshMs}; undefined where it does not answer in time. */
const createMeasure = (pool: Pool): (() => Promise<Measured | undefined>) => {
  let last: Measured | undefined

  const measure = singleFlight(async (): Promise<Measured | undefined> => {
    const at = performance.now()
    const deadline = at + deadlines.request
    try {
      const turn = { client: 'metrics', deadline }
      const [items, tables] = await Promise.all([
        pool.runInLane('scans', measureItems, {}, turn),
        pool.runInLane('ranges', measureTables, {}, turn),
      ])
      last = { at, items, tables }
      return last
    } catch {
      // The pool's own metrics tell why.
      return undefined
    }
  })

  return async () => {
    if (last !== undefined && performance.now() - last.at < freshMs) return last
    return await withTimeout(measure(), patienceMs)
  }
}

const nameOf = (namespace: string | null): string => namespace ?? '(others)'

/** What the database holds. Where it does not answer these metrics have no numbers, rather than old ones. */
export const itemFamilies = (pool: Pool): readonly Family[] => {
  const measure = createMeasure(pool)
  const items = async (part: 'items' | 'bytes') =>
    ((await measure())?.items ?? []).map((row) => ({ labels: { namespace: nameOf(row.namespace) }, value: row[part] }))
  // Workers look into the same database.
  const aggregator = 'max'
  return [
    {
      name: 'holdfast_items',
      help: 'Items by namespace, expired ones that are not swept yet too; the 20 largest, and (others)',
      type: 'gauge',
      aggregator,
      collect: () => items('items'),
    },
    {
      name: 'holdfast_items_bytes',
      help: 'Bytes of items by namespace, estimated from a sample of pages: keys and values as stored, without indexes and free room',
      type: 'gauge',
      aggregator,
      collect: () => items('bytes'),
    },
    {
      name: 'holdfast_table_bytes',
      help: 'Bytes of tables on disk, with their indexes and free room',
      type: 'gauge',
      aggregator,
      collect: async () => ((await measure())?.tables ?? []).map(({ table, bytes }) => ({ labels: { table }, value: bytes })),
    },
  ]
}
