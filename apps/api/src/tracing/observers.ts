import type { RequestObserver } from '../http/request-pipeline.js'
import type { BatcherObserver } from '../lib/batcher-observer.js'
import type { Metrics } from '../metrics/metrics.js'
import type { StatementObserver } from '../postgres/pool.js'

/** What follows requests through the service. */
export interface Traces {
  readonly requests: Required<Pick<RequestObserver, 'around' | 'responded'>>
  readonly calls: (kind: string) => Required<Pick<BatcherObserver, 'mark' | 'ran'>>
  readonly statements: StatementObserver
  /** Sends what is left, and ends. */
  readonly end: () => Promise<void>
}

/** Those who are told of requests, calls and statements: the metrics, and the traces where there are some. */
export const observers = (metrics: Metrics, traces: Traces | undefined): Pick<Metrics, 'requests' | 'calls' | 'statements' | 'limit'> => {
  if (traces === undefined) return metrics
  return {
    limit: metrics.limit,
    requests: {
      ...metrics.requests,
      around: traces.requests.around,
      responded: (...response) => {
        metrics.requests.responded(...response)
        traces.requests.responded(...response)
      },
    },
    calls: (kind) => {
      const counted = metrics.calls(kind)
      const traced = traces.calls(kind)
      return {
        ...counted,
        mark: traced.mark,
        ran: (...statement) => {
          counted.ran(...statement)
          traced.ran(...statement)
        },
      }
    },
    statements: (...statement) => {
      metrics.statements(...statement)
      traces.statements(...statement)
    },
  }
}
