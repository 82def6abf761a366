import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import type { Database } from '../open-database.js'
import type { ClientLimit, LimitPolicy } from '../rate-limit/limiter.js'

/** The metrics of one worker. */
export type WorkerMetrics = MetricObjectWithValues<MetricValue<string>>[]

/** The requests that a worker can send to the primary, which holds the state that all workers share. */
export interface PrimaryHandlers {
  /** Counts requests against a rate limit. Resolves with the limit of each client, in the given order. */
  readonly count: (params: {
    readonly policy: LimitPolicy
    readonly requests: readonly (readonly [client: string, count: number])[]
  }) => Promise<readonly ClientLimit[]>
  /** Resolves with the metrics of all workers, as text. */
  readonly metrics: (params: null) => Promise<string>
}

export type PrimaryMethod = keyof PrimaryHandlers

/** A message from a worker to the primary. */
export type ToPrimary =
  | { readonly kind: 'listening' }
  | { readonly kind: 'metrics'; readonly id: number; readonly metrics: WorkerMetrics }
  | { readonly kind: 'request'; readonly id: number; readonly method: PrimaryMethod; readonly params: unknown }

/** A message from the primary to a worker. */
export type ToWorker =
  | {
      readonly kind: 'start'
      readonly database: Pick<Database, 'kind' | 'address'>
      readonly port: number
      readonly metricsPort: number | undefined
    }
  | { readonly kind: 'stop'; readonly lameDuckMs: number }
  | { readonly kind: 'collect_metrics'; readonly id: number }
  | { readonly kind: 'response'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly message: string }
