import cluster from 'node:cluster'
import { endWith, run } from '@holdfast/service'
import { readConfig } from './config.js'
import { migrateDatabase } from './migrate-database.js'
import { startService } from './service.js'
import { startWorkers } from './workers/primary.js'
import { runWorker } from './workers/worker.js'

const main = async (): Promise<void> => {
  const config = readConfig(process.env)
  if (cluster.isWorker) {
    runWorker(config)
    return
  }
  if (process.argv[2] === 'migrate') {
    await migrateDatabase(config)
    return
  }
  await run(
    config.LOG_LEVEL,
    (logger) => (config.WORKERS === 1 ? startService(config, logger) : startWorkers(config, logger)),
    ({ database, metricsUrl }) => ({
      log: { database, metrics_url: metricsUrl, ...(config.WORKERS === 1 ? {} : { workers: config.WORKERS }) },
      launcher: { dataDir: database === 'embedded' ? config.DATA_DIR : null },
    }),
  )
}

main().catch((error: unknown) => endWith(error))
