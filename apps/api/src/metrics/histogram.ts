import type { MetricFamily, Sample } from './metric-family.js'

/** Counts values in buckets. */
export interface Histogram {
  readonly observe: (value: number) => void
  readonly count: () => number
  /** Returns the samples of the metric `name`: cumulative buckets, sum and count. */
  readonly samples: (name: string, labels: Sample['labels']) => readonly Sample[]
}

/** Bucket bounds of durations in seconds, from a read on a warm server to the deadline of a request. */
export const durationBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** @param bounds upper bounds of the buckets, in ascending order */
export const createHistogram = (bounds: readonly number[]): Histogram => {
  const counts = new Float64Array(bounds.length + 1)
  let sum = 0
  let count = 0
  return {
    observe: (value) => {
      let index = 0
      while (index < bounds.length && value > (bounds[index] as number)) index++
      counts[index] = (counts[index] as number) + 1
      sum += value
      count++
    },
    count: () => count,
    samples: (name, labels) => {
      let cumulative = 0
      const buckets = [...bounds, '+Inf'].map((le, index) => {
        cumulative += counts[index] as number
        return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: cumulative }
      })
      return [...buckets, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: count }]
    },
  }
}

/** Creates a metric family of histograms, each with its labels. */
export const histogramFamily = (
  name: string,
  help: string,
  histograms: () => Iterable<readonly [Sample['labels'], Histogram]>,
): MetricFamily => ({
  name,
  help,
  type: 'histogram',
  collect: () => [...histograms()].flatMap(([labels, histogram]) => histogram.samples(name, labels)),
})
