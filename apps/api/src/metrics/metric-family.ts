import type { Metric, Registry } from 'prom-client'

type Labels = Readonly<Record<string, string | number>>

/** One value of a metric family. */
export interface Sample {
  /** Set if it differs from the name of the family, as for the parts of a histogram. */
  readonly metricName?: string
  readonly labels: Labels
  readonly value: number
}

/** A metric with all its labels. */
export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** How the values of several workers are combined. Default: `sum`. */
  readonly aggregator?: 'sum' | 'max' | 'first'
  /** Returns the current samples. Called for each scrape. */
  readonly collect: () => readonly Sample[] | Promise<readonly Sample[]>
}

/** Returns one sample without labels. */
export const unlabeled = (value: number): readonly Sample[] => [{ labels: {}, value }]

/**
 * Registers metrics whose samples are collected at each scrape. Requests then only increment plain numbers. The counters of prom-client are
 * not used, because they hash their labels at each increment, which is measurable in a read.
 */
export const registerFamilies = (registry: Registry, families: readonly MetricFamily[]): void => {
  for (const { collect, aggregator = 'sum', ...description } of families) {
    const metric = {
      ...description,
      aggregator,
      get: async () => ({ ...description, aggregator, values: await collect() }),
      reset: () => {},
    }
    registry.registerMetric(metric as unknown as Metric)
  }
}
