import { collectDefaultMetrics, Registry } from 'prom-client'

let registry: Registry | undefined

/** What Node tells of this process: event loop lag, garbage collection, memory. Services of one process share it. */
export const processMetrics = (): Registry => {
  if (registry === undefined) {
    registry = new Registry()
    collectDefaultMetrics({ register: registry })
  }
  return registry
}
