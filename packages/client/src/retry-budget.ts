const capacity = 100
const costs = { retry: 5, retryAfterTimeout: 10 } as const

/** The retry tokens of an origin. */
export interface RetryBudget {
  /** Takes the tokens of a retry. Returns false if there are not enough. */
  readonly take: (timedOut: boolean) => boolean
  readonly giveBack: () => void
}

/** One budget for each origin, shared by all clients of this program because they send to the same service. */
const budgets = new Map<string, { tokens: number }>()

/**
 * Returns the token bucket that limits the retries to a failing service. A retry takes 5 tokens, a retry after a timeout 10, and each
 * success returns 1. If there are not enough tokens, the call fails without a retry.
 */
export const retryBudget = (origin: string): RetryBudget => {
  const budget = budgets.get(origin) ?? { tokens: capacity }
  budgets.set(origin, budget)
  return {
    take: (timedOut) => {
      const cost = timedOut ? costs.retryAfterTimeout : costs.retry
      if (budget.tokens < cost) return false
      budget.tokens -= cost
      return true
    },
    giveBack: () => {
      budget.tokens = Math.min(capacity, budget.tokens + 1)
    },
  }
}
