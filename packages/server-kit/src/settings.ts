import { isIP } from 'node:net'
import { z } from 'zod'
import { detectLogFormat } from './logger.js'
import { StartError } from './start-error.js'

const wholeNumberText = (min: number, max: number) => {
  const expected = `a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^[0-9]+$/, expected)
    .transform(Number)
    .refine((value) => value >= min && value <= max, expected)
}

/** A whole number; `preset` where the variable is not set. */
export const wholeNumber = (min: number, max: number, preset: number) => wholeNumberText(min, max).default(preset)

/** A whole number, or undefined where the variable is not set. */
export const optionalWholeNumber = (min: number, max: number) => wholeNumberText(min, max).optional()

/** Which records are logged, by pino's names. */
export const logLevel = z
  .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'fatal, error, warn, info, debug, trace or silent')
  .default('info')

/** How the log is written. */
export const logFormat = z
  .enum(['auto', 'json', 'text'], 'auto, json or text')
  .default('auto')
  .transform((format) => (format === 'auto' ? detectLogFormat() : format))

/** Whether only this machine can reach an address. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/**
 * Reads settings from environment variables. An empty one counts as not set.
 * @param secrets variables whose value no message shows
 * @throws StartError that names the first bad variable and what it expects
 */
export const readSettings = <Shape extends z.ZodRawShape>(
  variables: z.ZodObject<Shape>,
  environment: Readonly<Record<string, string | undefined>>,
  secrets: readonly string[],
): z.output<z.ZodObject<Shape>> => {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = variables.safeParse(given)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const name = String(issue?.path[0])
  const seen = secrets.includes(name) ? '' : `, not ${given[name] === undefined ? 'left out' : JSON.stringify(given[name])}`
  throw new StartError(`${name} must be ${issue?.message}${seen}`)
}
