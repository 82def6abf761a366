import type { Handlers } from '../http/mount.js'

/** What the service knows of itself. */
export interface ServiceState {
  readonly version: string
  readonly database: 'embedded' | 'external'
  /** Whether it was told to stop. */
  readonly stopping: () => boolean
  /** Whether the database answers. */
  readonly isDatabaseAvailable: () => Promise<boolean>
}

/** Calls that come while one is running share its result, so that probes cannot crowd the database. */
const shared = <T>(call: () => Promise<T>): (() => Promise<T>) => {
  let running: Promise<T> | undefined
  return () => {
    running ??= call().finally(() => {
      running = undefined
    })
    return running
  }
}

export const healthHandlers = (service: ServiceState): Pick<Handlers, 'health' | 'live' | 'ready'> => {
  const started = performance.now()
  const isDatabaseAvailable = shared(service.isDatabaseAvailable)
  const readiness = async () => {
    if (service.stopping()) return 'stopping'
    return (await isDatabaseAvailable()) ? 'ok' : 'unavailable'
  }
  return {
    health: async () => ({
      status: 200,
      body: {
        status: await readiness(),
        version: service.version,
        uptime_seconds: Math.floor((performance.now() - started) / 1000),
        database: { status: (await isDatabaseAvailable()) ? 'ok' : 'unavailable', kind: service.database },
      },
    }),
    live: async () => ({ status: 200, body: { status: 'ok' } }),
    ready: async () => {
      const status = await readiness()
      return { status: status === 'ok' ? 200 : 503, body: { status } }
    },
  }
}
