import { createLogger, flushLogger, type LogFormat, type Logger } from './logger.js'
import type { MisspeltSetting } from './misspelt-settings.js'
import { StartError } from './start-error.js'

/** Milliseconds for which a service continues to serve after SIGTERM, so that load balancers notice its readiness. */
const lameDuckMs = 500
/** Milliseconds within which repeated signals count as one. A Ctrl-C arrives from the terminal and from each process that forwards it. */
const sameSignalMs = 1_000

/** A running service. */
export interface Running {
  readonly url: string
  /** Stops the service gracefully. After its readiness changes to 503, it continues to serve for `lameDuckMs` milliseconds. */
  readonly stop: (lameDuckMs: number) => Promise<void>
  /** Resolves with the reason if the service cannot continue. */
  readonly failure?: Promise<Error>
}

const stopOnSignal = (service: Running, logger: Logger): void => {
  let stoppedAt: number | undefined
  const stop = async (reason: string) => {
    if (stoppedAt !== undefined) {
      if (performance.now() - stoppedAt > sameSignalMs) process.exit(1)
      return
    }
    stoppedAt = performance.now()
    logger.info({ reason }, 'stopping')
    try {
      await service.stop(reason === 'SIGTERM' ? lameDuckMs : 0)
      logger.info('stopped')
      await flushLogger(logger)
      process.exit(0)
    } catch (error) {
      logger.fatal({ err: error }, 'could not stop gracefully')
      await flushLogger(logger)
      process.exit(1)
    }
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  // The process stops when the launcher that started it exits.
  if (process.connected) process.on('disconnect', () => stop('the launcher ended'))
}

/** Exits with an error. A StartError, which the operator can fix, is printed as one line, and any other error with its stack. */
export const endWith = (error: unknown, status = 1): never => {
  process.stderr.write(`holdfast: ${error instanceof StartError ? error.message : error instanceof Error ? error.stack : error}\n`)
  process.exit(status)
}

/** Logs an uncaught error and exits. */
export const endOnFault = (logger: Logger): void => {
  process.on('uncaughtException', async (error) => {
    logger.fatal({ err: error }, 'uncaught error')
    await flushLogger(logger)
    process.exit(1)
  })
}

const endOnFailure = async (service: Running, logger: Logger): Promise<void> => {
  const reason = await service.failure
  if (reason === undefined) return
  await service.stop(0)
  await flushLogger(logger)
  endWith(reason)
}

interface RunOptions<S extends Running> {
  readonly settings: { readonly LOG_LEVEL: string; readonly LOG_FORMAT: LogFormat }
  /** Environment variables that look like misspelled settings. */
  readonly misspelt: readonly MisspeltSetting[]
  readonly start: (logger: Logger) => Promise<S>
  /** Returns members for the log line of the start, and for the message to the launcher. */
  readonly describe: (service: S) => { readonly log: object; readonly launcher: object }
}

/** Runs a service in this process until a signal stops it. A second signal exits immediately. @throws StartError */
export const run = async <S extends Running>({ settings, misspelt, start, describe }: RunOptions<S>): Promise<void> => {
  const logger = createLogger(settings.LOG_LEVEL, settings.LOG_FORMAT)
  endOnFault(logger)
  for (const { given, meant } of misspelt) logger.warn(`${given} is not a setting and has no effect. Did you mean ${meant}?`)
  const service = await start(logger)
  stopOnSignal(service, logger)
  endOnFailure(service, logger)
  const { log, launcher } = describe(service)
  logger.info({ url: service.url, ...log }, 'listening')
  process.send?.({ url: service.url, ...launcher })
}
