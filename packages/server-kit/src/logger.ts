import { destination, type Logger, pino } from 'pino'
import { logError } from './log-error.js'
import { readableOutput } from './readable-log.js'

export type { Logger } from 'pino'

/** The format of the log: JSON lines, or text for people. */
export type LogFormat = 'json' | 'text'

/** Returns the format of `LOG_FORMAT=auto`: text on a terminal, otherwise JSON. */
export const detectLogFormat = (): LogFormat => (process.stdout.isTTY ? 'text' : 'json')

/**
 * Creates a logger that writes to standard output. JSON is written without waiting for a slow reader. {@link flushLogger} waits for it.
 * @param format `json` by default
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

/** Resolves when all earlier log lines were passed to the operating system. */
export const flushLogger = (logger: Logger): Promise<void> => new Promise((resolve) => logger.flush(() => resolve()))
