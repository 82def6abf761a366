import type { SweepObserver, SweptRows } from '../expiry/sweeper.js'
import { createHistogram, histogramFamily } from '../lib/histogram.js'
import { type Family, only } from './family.js'

const tables: Readonly<Record<SweptRows, string>> = {
  items: 'items',
  'idempotency records': 'idempotency_records',
  'request counts': 'request_counts',
  'API keys': 'api_keys',
}

/** Counts sweeps and what they remove. */
export const createSweeperMetrics = (): { readonly observer: SweepObserver; readonly families: readonly Family[] } => {
  const removed: Record<SweptRows, number> = { items: 0, 'idempotency records': 0, 'request counts': 0, 'API keys': 0 }
  const durations = createHistogram([0.01, 0.1, 1, 10, 60])
  let failed = 0
  let succeededAt = Date.now()
  return {
    observer: {
      removed: (what, rows) => {
        removed[what] += rows
      },
      swept: (started, hasFailed) => {
        durations.observe((performance.now() - started) / 1000)
        if (hasFailed) failed++
        else succeededAt = Date.now()
      },
    },
    families: [
      histogramFamily('holdfast_sweeper_duration_seconds', 'Time of a sweep of expired rows', () => [[{}, durations]]),
      { name: 'holdfast_sweeper_failures_total', help: 'Sweeps that failed', type: 'counter', collect: () => only(failed) },
      {
        name: 'holdfast_sweeper_removed_rows_total',
        help: 'Expired rows that were removed, by table',
        type: 'counter',
        collect: () => (Object.keys(tables) as SweptRows[]).map((what) => ({ labels: { table: tables[what] }, value: removed[what] })),
      },
      {
        name: 'holdfast_sweeper_last_success_timestamp_seconds',
        help: 'When the last sweep succeeded, or else the service started',
        type: 'gauge',
        aggregator: 'max',
        collect: () => only(succeededAt / 1000),
      },
    ],
  }
}
