import { endWith, run } from '@holdfast/service'
import { readConfig } from './config.js'
import { startService } from './service.js'

const main = async (): Promise<void> => {
  const config = readConfig(process.env)
  await run(
    config.LOG_LEVEL,
    (logger) => startService(config, logger),
    () => ({ log: { api: config.KV_SERVICE_URL }, launcher: {} }),
  )
}

main().catch((error: unknown) => endWith(error))
