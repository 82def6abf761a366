import type { BatcherObserver, Queue, QueueRejection } from '../lib/batcher-observer.js'
import { createHistogram, durationBounds, histogramFamily } from './histogram.js'
import type { MetricFamily, Sample } from './metric-family.js'

const sizeBounds = [1, 2, 4, 8, 16, 32, 64, 128]

const reasons: readonly QueueRejection[] = ['queue_full', 'deadline']

/** The metrics of one kind of calls. */
const createSeries = () => ({
  sizes: createHistogram(sizeBounds),
  waits: createHistogram(durationBounds),
  durations: createHistogram(durationBounds),
  queues: [] as (() => Queue)[],
  failed: 0,
  rejected: { queue_full: 0, deadline: 0 } as Record<QueueRejection, number>,
})
type Series = ReturnType<typeof createSeries>

const observerOf = (series: Series): BatcherObserver => ({
  watch: (queue) => series.queues.push(queue),
  ran: (calls, started, failed) => {
    series.sizes.observe(calls.length)
    for (const { arrived } of calls) series.waits.observe((started - arrived) / 1000)
    series.durations.observe((performance.now() - started) / 1000)
    if (failed) series.failed++
  },
  rejected: (reason) => {
    series.rejected[reason]++
  },
})

const sum = (queues: Series['queues'], part: keyof Queue): number => queues.reduce((total, queue) => total + queue()[part], 0)

/** Creates the metrics of batchers, by the kind of their calls. Batchers of the same kind share a series. */
export const createBatcherMetrics = (): {
  readonly observe: (kind: string) => BatcherObserver
  readonly families: readonly MetricFamily[]
} => {
  const kinds = new Map<string, Series>()

  const each = (make: (series: Series, labels: { readonly kind: string }) => readonly Sample[]) => (): readonly Sample[] =>
    [...kinds].flatMap(([kind, series]) => make(series, { kind }))
  const histograms = (part: 'sizes' | 'waits' | 'durations') => () => [...kinds].map(([kind, series]) => [{ kind }, series[part]] as const)

  return {
    observe: (kind) => {
      const series = kinds.get(kind) ?? createSeries()
      kinds.set(kind, series)
      return observerOf(series)
    },
    families: [
      histogramFamily('holdfast_batcher_batch_size', 'Calls per statement', histograms('sizes')),
      histogramFamily(
        'holdfast_batcher_wait_seconds',
        'Time from a call to the start of its statement, including the wait for earlier writes to the same key',
        histograms('waits'),
      ),
      histogramFamily(
        'holdfast_batcher_statement_duration_seconds',
        'Time from the start of a statement to its result, including retries',
        histograms('durations'),
      ),
      {
        name: 'holdfast_batcher_statements_failed_total',
        help: 'Failed statements, including those whose calls were then retried one by one',
        type: 'counter',
        collect: each(({ failed }, labels) => [{ labels, value: failed }]),
      },
      {
        name: 'holdfast_batcher_waiting_calls',
        help: 'Calls that wait for a statement',
        type: 'gauge',
        collect: each(({ queues }, labels) => [{ labels, value: sum(queues, 'waiting') }]),
      },
      {
        name: 'holdfast_batcher_held_bytes',
        help: 'Bytes of the calls that have no result yet',
        type: 'gauge',
        collect: each(({ queues }, labels) => [{ labels, value: sum(queues, 'bytes') }]),
      },
      {
        name: 'holdfast_batcher_rejected_calls_total',
        help: 'Calls that were rejected without having been run, because the queue was full or the deadline was too close',
        type: 'counter',
        collect: each(({ rejected }, labels) => reasons.map((reason) => ({ labels: { ...labels, reason }, value: rejected[reason] }))),
      },
    ],
  }
}
