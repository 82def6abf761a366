import { collectDefaultMetrics, Registry } from 'prom-client'

let registry: Registry | undefined

/** Returns Node's metrics of this process, such as event loop lag, garbage collection and memory. All services of a process share them. */
export const processMetrics = (): Registry => {
  if (registry === undefined) {
    registry = new Registry()
    collectDefaultMetrics({ register: registry })
  }
  return registry
}
