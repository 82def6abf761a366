import { Registry } from 'prom-client'
import type { SweepObserver } from '../expiry/sweeper.js'
import type { Admissions } from '../http/overload/admission.js'
import type { ByteBudget } from '../http/overload/byte-budget.js'
import type { RequestObserver } from '../http/request-pipeline.js'
import type { BatcherObserver } from '../lib/batcher-observer.js'
import type { Pool, StatementObserver } from '../postgres/pool.js'
import type { LimitObserver } from '../rate-limit/rate-limit.js'
import { admissionFamilies } from './admission-metrics.js'
import { createBatcherMetrics } from './batcher-metrics.js'
import { budgetFamilies } from './budget-metrics.js'
import { createStatementMetrics, poolFamilies } from './database-metrics.js'
import { only, registerFamilies } from './family.js'
import { itemFamilies } from './item-metrics.js'
import { createLimitMetrics } from './limit-metrics.js'
import { processMetrics } from './process-metrics.js'
import { createRequestMetrics } from './request-metrics.js'
import { createSweeperMetrics } from './sweeper-metrics.js'

/** What is counted, by those who are told of it. */
export interface Metrics {
  readonly requests: RequestObserver
  readonly limit: LimitObserver
  readonly calls: (kind: string) => BatcherObserver
  readonly statements: StatementObserver
  readonly sweeps: SweepObserver
  /** Shows from now on what the pool is doing, how many bytes requests hold, how many are admitted, and what is in its database. */
  readonly watch: (pool: Pool, budget: ByteBudget, admissions: Admissions) => void
  /** All of it, for a sum over several processes (the library's `AggregatorRegistry`); each number says how it is added up. */
  readonly registry: () => Registry
  /** All of it, in the text format of Prometheus. */
  readonly text: () => Promise<string>
}

/** Makes the metrics of one service. */
export const createMetrics = (version: string): Metrics => {
  const own = new Registry()
  const requests = createRequestMetrics()
  const limit = createLimitMetrics()
  const calls = createBatcherMetrics()
  const statements = createStatementMetrics()
  const sweeper = createSweeperMetrics()
  registerFamilies(own, [
    {
      name: 'holdfast_build_info',
      help: 'The version of the service; always 1',
      type: 'gauge',
      aggregator: 'first',
      collect: () => only(1).map((sample) => ({ ...sample, labels: { version } })),
    },
    ...[requests, limit, calls, statements, sweeper].flatMap(({ families }) => families),
  ])
  const registry = () => Registry.merge([own, processMetrics()])
  return {
    requests: requests.observer,
    limit: limit.observe,
    calls: calls.observe,
    statements: statements.observe,
    sweeps: sweeper.observer,
    watch: (pool, budget, admissions) =>
      registerFamilies(own, [
        ...poolFamilies(() => pool.use()),
        ...itemFamilies(pool),
        ...budgetFamilies(() => budget.use()),
        ...admissionFamilies(admissions),
      ]),
    registry,
    text: () => registry().metrics(),
  }
}
