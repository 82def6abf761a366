import { destination, type Logger, pino } from 'pino'
import { logError } from './log-error.js'
import { readableOutput } from './readable-log.js'

export type { Logger } from 'pino'

/** How the log is written: JSON lines, or text for people. */
export type LogFormat = 'json' | 'text'

/** The format of `LOG_FORMAT=auto`: text on a terminal, JSON for everything that collects logs. */
export const detectLogFormat = (): LogFormat => (process.stdout.isTTY ? 'text' : 'json')

/**
 * Logs to standard output. Writes of JSON do not wait for a slow reader of the log; {@link flushLogger} waits.
 * @param format `json` if left out
 */
export const createLogger = (level: string, format: LogFormat = 'json'): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: logError },
    },
    format === 'text' ? readableOutput() : destination({ dest: 1, sync: false }),
  )

/** Resolves when everything logged so far was handed to the operating system. */
export const flushLogger = (logger: Logger): Promise<void> => new Promise((resolve) => logger.flush(() => resolve()))
