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

/** A whole number, or `defaultValue` if the variable is not set. */
export const wholeNumber = (min: number, max: number, defaultValue: number) => wholeNumberText(min, max).default(defaultValue)

/** A whole number, or undefined if the variable is not set. */
export const optionalWholeNumber = (min: number, max: number) => wholeNumberText(min, max).optional()

/** The lowest level that is logged, with the names of pino. */
export const logLevel = z
  .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'fatal, error, warn, info, debug, trace or silent')
  .default('info')

/** The format of the log. */
export const logFormat = z
  .enum(['auto', 'json', 'text'], 'auto, json or text')
  .default('auto')
  .transform((format) => (format === 'auto' ? detectLogFormat() : format))

/** Whether only this machine can reach an address. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/**
 * Reads settings from environment variables. Empty means unset.
 * @param secrets variables whose values must not appear in messages
 * @throws StartError with the first invalid variable and what it expects
 */
export const readSettings = <Shape extends z.ZodRawShape>(
  variables: z.ZodObject<Shape>,
  environment: Readonly<Record<string, string | undefined>>,
  secrets: readonly string[],
): z.output<z.ZodObject<Shape>> => {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = variables.safeParse(set)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const name = String(issue?.path[0])
  const actual = secrets.includes(name) ? '' : `, not ${set[name] === undefined ? 'missing' : JSON.stringify(set[name])}`
  throw new StartError(`${name} must be ${issue?.message}${actual}`)
}
