import type { RequestObserver } from '../http/request-observer.js'
import type { BatcherObserver } from '../lib/batcher-observer.js'
import type { Metrics } from '../metrics/metrics.js'
import type { StatementObserver } from '../postgres/retry.js'

/** The observers that create the spans of requests. */
export interface Traces {
  readonly requests: Required<Pick<RequestObserver, 'around' | 'responded'>>
  readonly calls: (kind: string) => Required<Pick<BatcherObserver, 'mark' | 'ran'>>
  readonly statements: StatementObserver
  /** Sends the remaining spans and stops. */
  readonly end: () => Promise<void>
}

/** Combines the observers of the metrics with those of the traces, if tracing is on. */
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
      const metricsObserver = metrics.calls(kind)
      const tracesObserver = traces.calls(kind)
      return {
        ...metricsObserver,
        mark: tracesObserver.mark,
        ran: (...statement) => {
          metricsObserver.ran(...statement)
          tracesObserver.ran(...statement)
        },
      }
    },
    statements: (...statement) => {
      metrics.statements(...statement)
      traces.statements(...statement)
    },
  }
}
