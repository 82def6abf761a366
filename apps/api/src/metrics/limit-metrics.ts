import type { LimitObserver } from '../rate-limit/rate-limit.js'
import type { Family } from './family.js'

/** Counts what the rate limit lets pass, and what it does not. */
export const createLimitMetrics = (): { readonly observe: LimitObserver; readonly families: readonly Family[] } => {
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
        help: 'Requests that were counted against a rate limit',
        type: 'counter',
        collect: () => [
          { labels: { outcome: 'allowed' }, value: allowed },
          { labels: { outcome: 'rejected' }, value: rejected },
        ],
      },
    ],
  }
}
