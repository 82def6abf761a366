import type { Handlers } from '../http/handler.js'

/** Creates the handler of `GET /metrics`. */
export const metricsHandlers = (metricsText: () => Promise<string>): Pick<Handlers, 'metrics'> => ({
  metrics: async () => ({ status: 200, body: await metricsText() }),
})
