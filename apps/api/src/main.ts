import cluster from 'node:cluster'
import { endWith, misspeltSettings, run } from '@holdfast/server-kit'
import { firstAdminKeyNotice } from './api-keys/first-admin-key.js'
import { helpText, readCommandLine, UsageError } from './command-line.js'
import { type Config, readConfig, readDatabaseConfig, settingNames } from './config.js'
import { migrateDatabase } from './migrate-database.js'
import { rateLimitSummary } from './rate-limit/summary.js'
import { type Service, startService } from './start-service.js'
import { version } from './version.js'
import { startWorkers } from './workers/primary.js'
import { runWorker } from './workers/worker.js'

/** Returns what the service logs when it listens, and what it sends to the process that launched it. */
const describe = (config: Config, { database, metricsUrl }: Service) => {
  const rateLimit = rateLimitSummary(config)
  return {
    log: {
      database,
      metrics_url: metricsUrl,
      rate_limit: rateLimit,
      ...(config.WORKERS === 1 ? {} : { workers: config.WORKERS }),
    },
    launcher: { dataDir: database === 'embedded' ? config.DATA_DIR : null, rateLimit, authRequired: config.AUTH === 'required' },
  }
}

const start = async (config: Config): Promise<void> => {
  await run<Service>({
    settings: config,
    misspelt: misspeltSettings(settingNames, process.env),
    start: async (logger) => {
      const service = await (config.WORKERS === 1 ? startService(config, logger) : startWorkers(config, logger))
      const { firstAdminKey } = service
      // Printed at once and at every log level, because only its digest is stored.
      if (firstAdminKey !== undefined) process.stdout.write(firstAdminKeyNotice(firstAdminKey, config.LOG_FORMAT))
      return service
    },
    describe: (service) => describe(config, service),
  })
}

const main = async (): Promise<void> => {
  const command = readCommandLine(process.argv.slice(2))
  if (command.name === 'help') process.stdout.write(helpText())
  else if (command.name === 'version') process.stdout.write(`holdfast ${version()}\n`)
  else {
    const environment = { ...process.env, ...command.settings }
    if (command.name === 'migrate') await migrateDatabase(readDatabaseConfig(environment))
    else if (cluster.isWorker) runWorker(readConfig(environment))
    else await start(readConfig(environment))
  }
}

main().catch((error: unknown) => endWith(error, error instanceof UsageError ? 2 : 1))
