import { resetReasons } from '@holdfast/contracts'
import type { StreamUse } from '../changes/change-streams.js'
import { type MetricFamily, unlabeled } from './metric-family.js'

/** Returns the metrics of the change log and its streams. */
export const changeFamilies = (use: () => StreamUse): readonly MetricFamily[] => [
  { name: 'holdfast_watch_streams', help: 'Open watch streams', type: 'gauge', collect: () => unlabeled(use().streams) },
  {
    name: 'holdfast_watch_streams_behind',
    help: 'Watch streams that read the log, because they have just started or their clients read slowly',
    type: 'gauge',
    collect: () => unlabeled(use().behind),
  },
  {
    name: 'holdfast_watch_resets_total',
    help: 'Reset events, by reason',
    type: 'counter',
    collect: () => resetReasons.map((reason) => ({ labels: { reason }, value: use().resets.get(reason) ?? 0 })),
  },
  {
    name: 'holdfast_watch_changes_total',
    help: 'Changes that this process has read from the log',
    type: 'counter',
    collect: () => unlabeled(use().changes),
  },
  {
    name: 'holdfast_watch_lag_seconds',
    help: 'How long open transactions that wrote items have kept watchers from newer changes',
    type: 'gauge',
    aggregator: 'max',
    collect: () => unlabeled(use().lagMs / 1000),
  },
]
