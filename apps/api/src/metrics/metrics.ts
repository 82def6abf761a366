import { Registry } from 'prom-client'
import type { ChangeStreams } from '../changes/change-streams.js'
import type { SweepObserver } from '../expiry/sweeper.js'
import type { Admissions } from '../http/overload/admission.js'
import type { ByteBudget } from '../http/overload/byte-budget.js'
import type { RequestObserver } from '../http/request-observer.js'
import type { BatcherObserver } from '../lib/batcher-observer.js'
import type { Pool } from '../postgres/pool.js'
import type { StatementObserver } from '../postgres/retry.js'
import type { LimitObserver } from '../rate-limit/rate-limit.js'
import { admissionFamilies } from './admission-metrics.js'
import { createBatcherMetrics } from './batcher-metrics.js'
import { byteBudgetFamilies } from './byte-budget-metrics.js'
import { changeFamilies } from './change-metrics.js'
import { createStatementMetrics, poolFamilies } from './database-metrics.js'
import { itemFamilies } from './item-metrics.js'
import { registerFamilies, unlabeled } from './metric-family.js'
import { processMetrics } from './process-metrics.js'
import { createRateLimitMetrics } from './rate-limit-metrics.js'
import { createRequestMetrics } from './request-metrics.js'
import { createSweeperMetrics } from './sweeper-metrics.js'

/** The metrics of a service, and the observers that update them. */
export interface Metrics {
  readonly requests: RequestObserver
  readonly limit: LimitObserver
  readonly calls: (kind: string) => BatcherObserver
  readonly statements: StatementObserver
  readonly sweeps: SweepObserver
  /** Adds the metrics of the pool, of request memory, of admission control, and of the items in the database. */
  readonly watch: (pool: Pool, budget: ByteBudget, admissions: Admissions) => void
  /** Adds the metrics of the change log and its streams. */
  readonly watchChanges: (streams: ChangeStreams) => void
  /** Returns all metrics, for aggregation over several processes (prom-client's `AggregatorRegistry`). */
  readonly registry: () => Registry
  /** Returns all metrics in the text format of Prometheus. */
  readonly text: () => Promise<string>
}

export const createMetrics = (version: string): Metrics => {
  const own = new Registry()
  const requests = createRequestMetrics()
  const limit = createRateLimitMetrics()
  const calls = createBatcherMetrics()
  const statements = createStatementMetrics()
  const sweeper = createSweeperMetrics()
  registerFamilies(own, [
    {
      name: 'holdfast_build_info',
      help: 'Always 1; the label has the version of the service',
      type: 'gauge',
      aggregator: 'first',
      collect: () => unlabeled(1).map((sample) => ({ ...sample, labels: { version } })),
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
        ...byteBudgetFamilies(() => budget.use()),
        ...admissionFamilies(admissions),
      ]),
    watchChanges: (streams) =>
      registerFamilies(
        own,
        changeFamilies(() => streams.use()),
      ),
    registry,
    text: () => registry().metrics(),
  }
}
