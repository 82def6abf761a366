import type { Family, Sample } from '../metrics/family.js'

/** Counts values by their size. */
export interface Histogram {
  readonly observe: (value: number) => void
  readonly count: () => number
  /** As the family `name` shows it: how many were at most each bound, their sum and their number. */
  readonly samples: (name: string, labels: Sample['labels']) => readonly Sample[]
}

/** Bounds of durations, in seconds: from a read of a warm server to the deadline of a request. */
export const durationBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Makes a histogram with these upper bounds, which grow. */
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
      let below = 0
      const buckets = [...bounds, '+Inf'].map((le, index) => {
        below += counts[index] as number
        return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below }
      })
      return [...buckets, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: count }]
    },
  }
}

/** A family of histograms, each with its labels. */
export const histogramFamily = (
  name: string,
  help: string,
  histograms: () => Iterable<readonly [Sample['labels'], Histogram]>,
): Family => ({
  name,
  help,
  type: 'histogram',
  collect: () => [...histograms()].flatMap(([labels, histogram]) => histogram.samples(name, labels)),
})
