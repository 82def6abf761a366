import { createLogger, flushLogger, type LogFormat, type Logger } from './logger.js'
import type { MisspeltSetting } from './misspelt-settings.js'
import { StartError } from './start-error.js'

/** How long a service goes on serving after SIGTERM, for a load balancer to notice. Milliseconds. */
const lameDuckMs = 500
/** One Ctrl-C can arrive several times: from the terminal and from each process that passes it on. Milliseconds. */
const sameSignalMs = 1_000

/** A running service. */
export interface Running {
  readonly url: string
  /** Drains and ends everything; `lameDuckMs` is how long it goes on serving after it began to refuse its readiness. */
  readonly stop: (lameDuckMs: number) => Promise<void>
  /** Resolves with the reason where the service cannot go on. */
  readonly failure?: Promise<Error>
}

const stopOnSignal = (service: Running, logger: Logger): void => {
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

/** Ends the process with one line for what the person who starts it can mend, and a stack for what only we can. */
export const endWith = (error: unknown, status = 1): never => {
  process.stderr.write(`holdfast: ${error instanceof StartError ? error.message : error instanceof Error ? error.stack : error}\n`)
  process.exit(status)
}

/** Ends the process where an error is caught nowhere, with a line in the log. */
export const endOnFault = (logger: Logger): void => {
  process.on('uncaughtException', async (error) => {
    logger.fatal({ err: error }, 'a fault that nothing caught')
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

/** What `run` needs to know besides how to start the service. */
interface RunOptions<S extends Running> {
  readonly settings: { readonly LOG_LEVEL: string; readonly LOG_FORMAT: LogFormat }
  /** Variables that look like settings and are none. */
  readonly misspelt: readonly MisspeltSetting[]
  readonly start: (logger: Logger) => Promise<S>
  /** Members for the log line of the start, and for the launcher if there is one. */
  readonly describe: (service: S) => { readonly log: object; readonly launcher: object }
}

/** Runs a service as this process until a signal stops it. A second signal ends it at once. */
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
