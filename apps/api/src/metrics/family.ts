import type { Metric, Registry } from 'prom-client'

type Labels = Readonly<Record<string, string | number>>

/** One number of a family. */
export interface Sample {
  /** Where it is not the family's, as with the parts of a histogram. */
  readonly metricName?: string
  readonly labels: Labels
  readonly value: number
}

/** A metric with all its labels. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** What the number of several workers together is; their sum where it is left out. */
  readonly aggregator?: 'sum' | 'max' | 'first'
  /** Called for each scrape. */
  readonly collect: () => readonly Sample[] | Promise<readonly Sample[]>
}

/** One number without labels. */
export const only = (value: number): readonly Sample[] => [{ labels: {}, value }]

/**
 * Registers metrics whose numbers are made when they are asked for. What is on the way of each request then counts in plain
 * numbers: the library's own counters hash their labels at each step, which a read would feel.
 */
export const registerFamilies = (registry: Registry, families: readonly Family[]): void => {
  for (const { collect, aggregator = 'sum', ...described } of families) {
    const metric = { ...described, aggregator, get: async () => ({ ...described, aggregator, values: await collect() }), reset: () => {} }
    registry.registerMetric(metric as unknown as Metric)
  }
}
