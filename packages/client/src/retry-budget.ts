const capacity = 100
const costs = { retry: 5, retryAfterTimeout: 10 } as const

/** What retries to an origin may still cost. */
export interface RetryBudget {
  /** Takes what a retry costs; false where there is not enough. */
  readonly take: (timedOut: boolean) => boolean
  readonly giveBack: () => void
}

/** One budget an origin for all clients of this program, because they all load the same service. */
const budgets = new Map<string, { tokens: number }>()

/**
 * A bucket of tokens that bounds the retries which a sick service gets: a retry takes 5, one after a timeout 10, each
 * success gives 1 back. Where it is empty, failures are reported at once.
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
