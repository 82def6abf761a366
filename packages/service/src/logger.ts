import { destination, type Logger, pino } from 'pino'
import { logError } from './log-error.js'

export type { Logger } from 'pino'

/** JSON lines on standard output. Writes do not wait for a slow reader of the log; {@link flushLogger} waits. */
export const createLogger = (level: string): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: logError },
    },
    destination({ dest: 1, sync: false }),
  )

/** Resolves when everything logged so far was handed to the operating system. */
export const flushLogger = (logger: Logger): Promise<void> => new Promise((resolve) => logger.flush(() => resolve()))
