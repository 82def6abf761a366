import { readConfig } from './config.js'
import { createLogger, flushLogger, type Logger } from './observability/logger.js'
import { type Service, startService } from './service.js'
import { StartError } from './start-error.js'

/** How long the service goes on serving after SIGTERM, for a load balancer to notice. Milliseconds. */
const lameDuckMs = 500
/** One Ctrl-C can arrive several times: from the terminal and from each process that passes it on. Milliseconds. */
const sameSignalMs = 1_000

const stopOnSignal = (service: Service, logger: Logger): void => {
  let askedAt: number | undefined
  const stop = async (reason: string) => {
    if (askedAt !== undefined) {
      if (performance.now() - askedAt > sameSignalMs) process.exit(1)
      return
    }
    askedAt = performance.now()
    logger.info({ reason }, 'stopping')
    try {
      await service.stop(reason === 'SIGTERM' ? lameDuckMs : 0)
      logger.info('stopped')
      await flushLogger(logger)
      process.exit(0)
    } catch (error) {
      logger.fatal({ err: error }, 'could not stop in order')
      await flushLogger(logger)
      process.exit(1)
    }
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  // Started by a launcher that tells it to end by going away itself.
  if (process.connected) process.on('disconnect', () => stop('the launcher ended'))
}

const main = async (): Promise<void> => {
  const config = readConfig(process.env)
  const logger = createLogger(config.LOG_LEVEL)
  process.on('uncaughtException', async (error) => {
    logger.fatal({ err: error }, 'a fault that nothing caught')
    await flushLogger(logger)
    process.exit(1)
  })
  const service = await startService(config, logger)
  stopOnSignal(service, logger)
  logger.info({ url: service.url, database: service.database }, 'listening')
  process.send?.({ url: service.url, dataDir: service.database === 'embedded' ? config.DATA_DIR : null })
}

main().catch((error: unknown) => {
  process.stderr.write(`holdfast: ${error instanceof StartError ? error.message : error instanceof Error ? error.stack : error}\n`)
  process.exit(1)
})
