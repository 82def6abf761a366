import type { Client } from '@holdfast/client'
import type { TestStatus } from '@holdfast/contracts'

type State = Omit<TestStatus['api'], 'url'>

const probeTimeoutMs = 2_000

/** Watches whether the API answers, and since when that is so. */
export const watchReachability = (client: Client) => {
  let state: State | undefined
  const probe = async (): Promise<State> => {
    let error: State['error']
    try {
      await client.call('ready', {}, { timeout: probeTimeoutMs, retry: false })
    } catch (cause) {
      const { code, message } = cause as { code?: string; message: string }
      error = { code: code ?? 'unknown', message }
    }
    const reachable = error === undefined
    const since = state?.reachable === reachable ? state.since : new Date().toISOString()
    state = { reachable, since, ...(error === undefined ? {} : { error }) }
    return state
  }
  return {
    /** Asks the API now. */
    probe,
    /** Asks again and again, so that `since` is right where nobody asks. Answers what ends it. */
    every: (ms: number): (() => void) => {
      const timer = setInterval(() => probe(), ms)
      return () => clearInterval(timer)
    },
  }
}
