import type { Handlers } from '../http/mount.js'

/** What the service counts, for whom it is scraped by. */
export const metricsHandlers = (metricsText: () => Promise<string>): Pick<Handlers, 'metrics'> => ({
  metrics: async () => ({ status: 200, body: await metricsText() }),
})
