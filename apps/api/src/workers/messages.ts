import type { Database } from '../open-database.js'
import type { ClientLimit, LimitPolicy } from '../rate-limit/limiter.js'
import type { WorkerMetrics } from './collect-metrics.js'

/** What workers ask of the primary, by topic; whatever they must have in common has its place here. */
export interface PrimaryReplies {
  /** Counts so many requests of each client, in their order. */
  readonly count: (asked: {
    readonly policy: LimitPolicy
    readonly requests: readonly (readonly [client: string, count: number])[]
  }) => Promise<readonly ClientLimit[]>
  /** The metrics of all workers as text. */
  readonly metrics: (asked: null) => Promise<string>
}

export type Topic = keyof PrimaryReplies

/** From a worker to the primary. */
export type ToPrimary =
  | { readonly kind: 'listening' }
  | { readonly kind: 'collected'; readonly id: number; readonly metrics: WorkerMetrics }
  | { readonly kind: 'ask'; readonly id: number; readonly topic: Topic; readonly asked: unknown }

/** From the primary to a worker. */
export type ToWorker =
  | {
      readonly kind: 'serve'
      readonly database: Pick<Database, 'kind' | 'address'>
      readonly port: number
      readonly metricsPort: number | undefined
    }
  | { readonly kind: 'stop'; readonly lameDuckMs: number }
  | { readonly kind: 'collect'; readonly id: number }
  | { readonly kind: 'reply'; readonly id: number; readonly response: unknown }
  | { readonly kind: 'rejection'; readonly id: number; readonly message: string }
