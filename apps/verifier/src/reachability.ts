import type { Client } from '@holdfast/client'
import type { TestStatus } from '@holdfast/contracts'

type State = Omit<TestStatus['api'], 'url'>

const probeTimeoutMs = 2_000

/** Creates a monitor of the API's reachability, and of the time since when the state is the same. */
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
    /** Probes the API and returns the state. */
    probe,
    /** Probes the API every `ms` milliseconds, so that `since` is accurate. Returns a function that stops it. */
    every: (ms: number): (() => void) => {
      const timer = setInterval(() => probe(), ms)
      return () => clearInterval(timer)
    },
  }
}
