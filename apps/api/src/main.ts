import { endWith, run } from '@holdfast/service'
import { readConfig } from './config.js'
import { startService } from './service.js'

const main = async (): Promise<void> => {
  const config = readConfig(process.env)
  await run(
    config.LOG_LEVEL,
    (logger) => startService(config, logger),
    ({ database, metricsUrl }) => ({
      log: { database, metrics_url: metricsUrl },
      launcher: { dataDir: database === 'embedded' ? config.DATA_DIR : null },
    }),
  )
}

main().catch((error: unknown) => endWith(error))
