import { freePort } from '@holdfast/testbed/free-port'
import { runService, type ServiceProcess } from '@holdfast/testbed/service-process'
import { until } from '@holdfast/testbed/until'

/** A built service that keeps its port across restarts. */
export interface ServiceUnderTest {
  readonly url: string
  readonly port: number
  readonly pid: () => number
  readonly start: () => Promise<void>
  /** Kills the process with SIGKILL and waits until it has exited. */
  readonly kill: () => Promise<void>
  /** Stops the process with SIGSTOP. Returns a function that resumes it. */
  readonly pause: () => () => void
  /** Stops the service with SIGTERM, as a deployment does. Resolves with the exit status. */
  readonly terminate: () => Promise<number | null>
  /** Stops the service with SIGINT. */
  readonly stop: () => Promise<void>
}

/** Returns whether the readiness check of a service succeeds. */
const isReady = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) })).status === 200
  } catch {
    return false
  }
}

/** Waits until all services are ready. */
export const allReady = (services: readonly ServiceUnderTest[]): Promise<void> =>
  until(async () => (await Promise.all(services.map(({ url }) => isReady(url)))).every(Boolean), {
    timeoutMs: 120_000,
    description: 'all services are ready',
  })

/**
 * Starts a built service with these settings and without a rate limit.
 * @param program the bundle to run instead of the built service
 */
export const startServiceUnderTest = async (settings: Record<string, string>, program?: string): Promise<ServiceUnderTest> => {
  const port = await freePort()
  let running: ServiceProcess
  const start = async () => {
    running = runService(
      'api',
      { LOG_LEVEL: 'info', ...settings, PORT: String(port), RATE_LIMIT_REQUESTS: '0' },
      program === undefined ? {} : { program },
    )
    await running.ready()
  }
  const sendSignal = async (signal: NodeJS.Signals): Promise<number | null> => {
    running.child.kill(signal)
    return await running.ended()
  }
  await start()
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: () => running.child.pid ?? 0,
    start,
    kill: async () => {
      await sendSignal('SIGKILL')
    },
    pause: () => {
      running.child.kill('SIGSTOP')
      return () => running.child.kill('SIGCONT')
    },
    terminate: () => sendSignal('SIGTERM'),
    stop: async () => {
      await sendSignal('SIGINT')
    },
  }
}
