import type { Handlers } from '../http/handler.js'
import { singleFlight } from '../lib/single-flight.js'

/** The state of the service that the health routes report. */
export interface ServiceState {
  readonly version: string
  readonly database: 'embedded' | 'external'
  /** Tells whether the service is stopping. */
  readonly stopping: () => boolean
  /** Tells whether the database responds. */
  readonly isDatabaseAvailable: () => Promise<boolean>
}

/** Creates the handlers of the health routes. */
export const healthHandlers = (service: ServiceState): Pick<Handlers, 'health' | 'live' | 'ready'> => {
  const started = performance.now()
  // Concurrent requests share one query, so that health checks cannot flood the database.
  const isDatabaseAvailable = singleFlight(service.isDatabaseAvailable)
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
