import { freePort } from '@holdfast/testbed/free-port'
import { runService, type ServiceProcess } from '@holdfast/testbed/service-process'

/** A service that keeps its port across restarts. */
export interface Replica {
  readonly url: string
  readonly port: number
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Starts a service with these settings. Its streams get a heartbeat every second. */
export const startReplica = async (settings: Record<string, string>): Promise<Replica> => {
  const port = await freePort()
  let running: ServiceProcess
  const start = async () => {
    running = runService('api', { WATCH_HEARTBEAT_SECONDS: '1', ...settings, PORT: String(port) })
    await running.ready()
  }
  const stop = async () => {
    running.child.kill('SIGTERM')
    await running.ended()
  }
  await start()
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    restart: async () => {
      await stop()
      await start()
    },
    stop,
  }
}
