import { freePort } from '@holdfast/testbed/free-port'
import { runService, type ServiceProcess } from '@holdfast/testbed/service-process'
import { until } from '@holdfast/testbed/until'

/** A built service that keeps its address while it is killed and started again. */
export interface ServiceUnderTest {
  readonly url: string
  readonly port: number
  readonly pid: () => number
  readonly start: () => Promise<void>
  /** Kills it at once and waits for its end. */
  readonly kill: () => Promise<void>
  /** Holds it still; answers a function that lets it go on. */
  readonly pause: () => () => void
  /** Has it stop in order, as whoever replaces it would; resolves with its exit status. */
  readonly terminate: () => Promise<number | null>
  /** Stops it in order, at once. */
  readonly stop: () => Promise<void>
}

/** Whether a service says that requests should come to it. */
const isReady = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) })).status === 200
  } catch {
    return false
  }
}

/** Waits until services take requests. */
export const allReady = (services: readonly ServiceUnderTest[]): Promise<void> =>
  until(async () => (await Promise.all(services.map(({ url }) => isReady(url)))).every(Boolean), 120_000)

/** Runs a built service, or another bundle in its place, with these settings and no rate limit. */
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
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
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
      await end('SIGKILL')
    },
    pause: () => {
      running.child.kill('SIGSTOP')
      return () => running.child.kill('SIGCONT')
    },
    terminate: () => end('SIGTERM'),
    stop: async () => {
      await end('SIGINT')
    },
  }
}
