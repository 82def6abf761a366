import { logFormat, logLevel, readSettings, wholeNumber } from '@holdfast/server-kit'
import { z } from 'zod'

const isHttpUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === ''
}

const variables = z.object({
  PORT: wholeNumber(0, 65_535, 8001),
  HOST: z.string().default('127.0.0.1'),
  KV_SERVICE_URL: z.string().refine(isHttpUrl, 'the URL of the API, such as http://127.0.0.1:8000').default('http://127.0.0.1:8000'),
  API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'visible ASCII characters')
    .optional(),
  LOG_FORMAT: logFormat,
  LOG_LEVEL: logLevel,
})

/** The settings of the verifier. docs/verifier.md describes each of them. */
export type Config = z.output<typeof variables>

/**
 * Reads the settings. Empty means unset.
 * @throws StartError with the first invalid variable and what it expects
 */
export const readConfig = (environment: Readonly<Record<string, string | undefined>>): Config =>
  readSettings(variables, environment, ['API_KEY', 'KV_SERVICE_URL'])

/** The names of all settings. */
export const settingNames = Object.keys(variables.shape)
