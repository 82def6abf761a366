import type { LimitObserver } from '../rate-limit/rate-limit.js'
import type { MetricFamily } from './metric-family.js'

/** Creates the metrics of rate limits. */
export const createRateLimitMetrics = (): { readonly observe: LimitObserver; readonly families: readonly MetricFamily[] } => {
  let allowed = 0
  let rejected = 0
  return {
    observe: (isAllowed) => {
      if (isAllowed) allowed++
      else rejected++
    },
    families: [
      {
        name: 'holdfast_rate_limiter_requests_total',
        help: 'Requests that counted against a rate limit, by outcome',
        type: 'counter',
        collect: () => [
          { labels: { outcome: 'allowed' }, value: allowed },
          { labels: { outcome: 'rejected' }, value: rejected },
        ],
      },
    ],
  }
}
