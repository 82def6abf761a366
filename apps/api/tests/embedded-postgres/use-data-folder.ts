import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning } from '@holdfast/testbed/is-running'
import { runService, type ServiceProcess } from '@holdfast/testbed/service-process'
import { until } from '@holdfast/testbed/until'
import { afterEach, beforeEach } from 'vitest'
import { send } from '../support/api.js'

/** Creates a temporary folder for each test, and stops the services that the test started in it. */
export const useDataFolder = () => {
  let services: ServiceProcess[] = []
  const context = {
    /** The temporary folder. */
    folder: '',
    /** DATA_DIR of the services: the temporary folder, unless a test sets another one. */
    dataDir: '',
    start: (settings: Record<string, string> = {}): ServiceProcess => {
      const service = runService('api', { DATA_DIR: context.dataDir, LOG_LEVEL: 'info', ...settings })
      services.push(service)
      return service
    },
    postmasterPid: async (): Promise<number> =>
      Number((await readFile(join(context.dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]),
  }
  beforeEach(async () => {
    context.folder = await mkdtemp('/tmp/holdfast-test-')
    context.dataDir = context.folder
    services = []
  })
  afterEach(async () => {
    for (const { child, ended } of services) {
      child.kill('SIGTERM')
      await ended()
    }
    const pid = await context.postmasterPid().catch(() => 0)
    if (pid > 0) await until(() => !isRunning(pid))
    await rm(context.folder, { recursive: true, force: true })
  })
  return context
}

/** Returns the value of an item. */
export const readValue = async (url: string, key: string): Promise<unknown> => (await send(url, 'GET', `/items/${key}`)).json?.value
