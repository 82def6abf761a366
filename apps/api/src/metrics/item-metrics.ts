import { singleFlight } from '../lib/single-flight.js'
import { withTimeout } from '../lib/with-timeout.js'
import { deadlines } from '../postgres/deadlines.js'
import type { Pool } from '../postgres/pool.js'
import type { MetricFamily } from './metric-family.js'
import { type MeasuredItems, measureItems } from './sql/measure-items.js'
import { type MeasuredTable, measureTables } from './sql/measure-tables.js'

/** How long a measurement is reused, so that frequent scrapes do not load the database. Milliseconds. */
const maxAgeMs = 15_000
/** How long a scrape waits for a measurement. The measurement itself is not aborted. Milliseconds. */
const waitTimeoutMs = 1_000

interface Measurement {
  readonly at: number
  readonly items: readonly MeasuredItems[]
  readonly tables: readonly MeasuredTable[]
}

/** Measures the stored items at most once per {@link maxAgeMs}. Returns undefined if the database does not respond in time. */
const createMeasure = (pool: Pool): (() => Promise<Measurement | undefined>) => {
  let last: Measurement | undefined

  const measure = singleFlight(async (): Promise<Measurement | undefined> => {
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
      // The metrics of the pool show the reason.
      return undefined
    }
  })

  return async () => {
    if (last !== undefined && performance.now() - last.at < maxAgeMs) return last
    return await withTimeout(measure(), waitTimeoutMs)
  }
}

const nameOf = (namespace: string | null): string => namespace ?? '(others)'

/** Returns the metrics of stored items. If the database does not respond, they have no samples instead of old ones. */
export const itemFamilies = (pool: Pool): readonly MetricFamily[] => {
  const measure = createMeasure(pool)
  const items = async (part: 'items' | 'bytes') =>
    ((await measure())?.items ?? []).map((row) => ({ labels: { namespace: nameOf(row.namespace) }, value: row[part] }))
  // All workers measure the same database.
  const aggregator = 'max'
  return [
    {
      name: 'holdfast_items',
      help: 'Items of the 20 largest namespaces and of (others), including expired items that were not swept yet',
      type: 'gauge',
      aggregator,
      collect: () => items('items'),
    },
    {
      name: 'holdfast_items_bytes',
      help: 'Estimated bytes of keys and values as stored, without indexes and free space',
      type: 'gauge',
      aggregator,
      collect: () => items('bytes'),
    },
    {
      name: 'holdfast_table_bytes',
      help: 'Bytes of tables on disk, including indexes and free space',
      type: 'gauge',
      aggregator,
      collect: async () => ((await measure())?.tables ?? []).map(({ table, bytes }) => ({ labels: { table }, value: bytes })),
    },
  ]
}
