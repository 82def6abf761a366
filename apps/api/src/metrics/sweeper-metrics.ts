import type { SweepObserver, SweptRows } from '../expiry/sweeper.js'
import { createHistogram, histogramFamily } from './histogram.js'
import { type MetricFamily, unlabeled } from './metric-family.js'

const tables: Readonly<Record<SweptRows, string>> = {
  items: 'items',
  'old versions': 'item_history',
  'idempotency records': 'idempotency_records',
  'request counts': 'request_counts',
  'API keys': 'api_keys',
}

/** Creates the metrics of the sweeper. */
export const createSweeperMetrics = (): { readonly observer: SweepObserver; readonly families: readonly MetricFamily[] } => {
  const removed: Record<SweptRows, number> = { items: 0, 'old versions': 0, 'idempotency records': 0, 'request counts': 0, 'API keys': 0 }
  const durations = createHistogram([0.01, 0.1, 1, 10, 60])
  let failed = 0
  let succeededAt = Date.now()
  return {
    observer: {
      removed: (kind, rows) => {
        removed[kind] += rows
      },
      swept: (started, hasFailed) => {
        durations.observe((performance.now() - started) / 1000)
        if (hasFailed) failed++
        else succeededAt = Date.now()
      },
    },
    families: [
      histogramFamily('holdfast_sweeper_duration_seconds', 'Duration of sweeps of expired rows', () => [[{}, durations]]),
      { name: 'holdfast_sweeper_failures_total', help: 'Failed sweeps', type: 'counter', collect: () => unlabeled(failed) },
      {
        name: 'holdfast_sweeper_removed_rows_total',
        help: 'Expired rows that were deleted, by table',
        type: 'counter',
        collect: () => (Object.keys(tables) as SweptRows[]).map((kind) => ({ labels: { table: tables[kind] }, value: removed[kind] })),
      },
      {
        name: 'holdfast_sweeper_last_success_timestamp_seconds',
        help: 'Time of the last successful sweep, or of the start of the service',
        type: 'gauge',
        aggregator: 'max',
        collect: () => unlabeled(succeededAt / 1000),
      },
    ],
  }
}
