import { BlockList, isIP } from 'node:net'
import { resolve } from 'node:path'
import { limits } from '@holdfast/contracts'
import { isLoopback, logFormat, logLevel, optionalWholeNumber, readSettings, StartError, wholeNumber } from '@holdfast/server-kit'
import { z } from 'zod'
import { parseDatabaseUrl } from './postgres/address/database-url.js'
import { InvalidDatabaseUrl } from './postgres/address/url-parameters.js'

const toggle = z.enum(['off', 'on'], 'off or on').default('off')

const databaseUrl = z.string().superRefine((text, context) => {
  try {
    parseDatabaseUrl(text)
  } catch (error) {
    if (!(error instanceof InvalidDatabaseUrl)) throw error
    context.addIssue({ code: 'custom', message: error.message })
  }
})

/** PostgreSQL truncates longer names, reserves `pg_*` and `information_schema`, and replaces `$user` by the role's name. */
const isSchemaName = (name: string): boolean =>
  Buffer.byteLength(name) <= 63 && name.isWellFormed() && !/^pg_|^information_schema$|^\$user$|\0/.test(name)

const isHttpUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

const share = z
  .string()
  .regex(/^(0(\.[0-9]+)?|1(\.0+)?)$/, 'a number from 0 to 1')
  .transform(Number)

const proxies = z.string().transform((text, context) => {
  const list = new BlockList()
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue
    const [address = '', bits] = entry.split('/')
    const family = isIP(address)
    const bitsMax = family === 6 ? 128 : 32
    const length = bits === undefined ? bitsMax : /^[0-9]{1,3}$/.test(bits) ? Number(bits) : -1
    if (family === 0 || length < 0 || length > bitsMax) {
      context.addIssue({ code: 'custom', message: 'comma-separated IP addresses or CIDR blocks, such as 10.0.0.0/8,::1' })
      return z.NEVER
    }
    list.addSubnet(address, length, family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
})

/** Host names that requests may have in `Host`, in lower case. `*` accepts every name. */
const hostNames = z.string().transform((text, context): ReadonlySet<string> => {
  const names = text.split(',').map((name) => name.trim().toLowerCase())
  if (names.every((name) => name === '' || name === '*' || /^[a-z0-9_.-]+$/.test(name))) return new Set(names.filter(Boolean))
  context.addIssue({ code: 'custom', message: 'comma-separated host names without ports, such as kv.example.com,kv, or *' })
  return z.NEVER
})

/** Normalizes an origin to the form that browsers send in `Origin`. Returns undefined if the text is not an origin. */
const toOrigin = (text: string): string | undefined => {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s*]+\/?$/i.test(text) || !URL.canParse(text)) return undefined
  const { origin } = new URL(text)
  // URL does not know the schemes of browser extensions and apps.
  return origin === 'null' ? text.replace(/\/$/, '').toLowerCase() : origin
}

const origins = z.string().transform((text, context): ReadonlySet<string> => {
  const parts = text.split(',').map((part) => part.trim())
  const normalized = parts.filter(Boolean).map(toOrigin)
  if (!normalized.includes(undefined)) return new Set(normalized as string[])
  context.addIssue({
    code: 'custom',
    message: 'comma-separated origins without paths or wildcards, such as https://app.example.com,http://localhost:5173',
  })
  return z.NEVER
})

const variables = z.object({
  PORT: wholeNumber(0, 65_535, 8000),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: databaseUrl.optional(),
  DATABASE_SCHEMA: z
    .string()
    .refine(isSchemaName, 'an unquoted schema name of at most 63 bytes that PostgreSQL does not reserve')
    .optional(),
  MIGRATE_AT_START: toggle.default('on'),
  DATA_DIR: z
    .string()
    .transform((folder) => resolve(folder))
    .default(resolve('.holdfast')),
  LOG_FORMAT: logFormat,
  LOG_LEVEL: logLevel,
  RATE_LIMIT_REQUESTS: wholeNumber(0, 1_000_000_000, 60),
  RATE_LIMIT_KEY_REQUESTS: optionalWholeNumber(0, 1_000_000_000),
  RATE_LIMIT_WINDOW_SECONDS: wholeNumber(1, 86_400, 60),
  RATE_LIMIT_STORE: z.enum(['memory', 'postgres'], 'memory or postgres').default('memory'),
  RATE_LIMIT_SITE_FACTOR: wholeNumber(0, 65_536, 16),
  TRUST_PROXY: proxies.default(new BlockList()),
  AUTH: z.enum(['off', 'required'], 'off or required').default('off'),
  ADMIN_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{32,200}$/, '32 to 200 visible ASCII characters')
    .optional(),
  CORS_ORIGINS: origins.default(new Set()),
  MAX_VALUE_BYTES: wholeNumber(1, 64 * 1_048_576, limits.valueBytes),
  MAX_CONNECTIONS: optionalWholeNumber(1, 1_000_000),
  MAX_CONNECTIONS_PER_CLIENT: optionalWholeNumber(1, 1_000_000),
  MAX_BUFFERED_BYTES: wholeNumber(1_048_576, 64 * 1_073_741_824, 32 * 1_048_576),
  IDEMPOTENCY_TTL_SECONDS: wholeNumber(1, 31_536_000, 86_400),
  SWEEP_INTERVAL_SECONDS: wholeNumber(1, 86_400, 1),
  ROOT_KEYS: toggle,
  CHANGE_LOG: toggle.default('on'),
  CHANGE_LOG_SECONDS: wholeNumber(60, 31_536_000, 3_600),
  CHANGE_LOG_BYTES: wholeNumber(1_048_576, 1_099_511_627_776, 1_073_741_824),
  WATCH_STREAMS_MAX: wholeNumber(1, 1_000_000, 10_000),
  WATCH_POLL_MS: wholeNumber(1, 1_000, 25),
  WATCH_HEARTBEAT_SECONDS: wholeNumber(1, 15, 15),
  WATCH_MEMORY_BYTES: wholeNumber(1_048_576, 64 * 1_073_741_824, 64 * 1_048_576),
  WORKERS: wholeNumber(1, 64, 1),
  SHUTDOWN_GRACE_SECONDS: wholeNumber(0, 3600, 10),
  METRICS_PORT: optionalWholeNumber(0, 65_535),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().refine(isHttpUrl, 'an http or https URL, such as http://127.0.0.1:4318').optional(),
  OTEL_SERVICE_NAME: z.string().default('holdfast'),
  OTEL_TRACES_SAMPLER_ARG: share.default(1),
  ALLOW_UNAUTHENTICATED: toggle,
  ALLOWED_HOSTS: hostNames.default(new Set()),
  ALLOW_UNSAFE_DATABASE: toggle,
})

/** The settings of the service. docs/settings.md describes each of them. */
export type Config = z.output<typeof variables> & { readonly RATE_LIMIT_KEY_REQUESTS: number }

/** The settings for opening the database. */
export type DatabaseConfig = Pick<
  Config,
  'DATABASE_URL' | 'DATABASE_SCHEMA' | 'DATA_DIR' | 'MIGRATE_AT_START' | 'ALLOW_UNSAFE_DATABASE' | 'CHANGE_LOG' | 'WORKERS' | 'LOG_FORMAT'
>

type Environment = Readonly<Record<string, string | undefined>>

// Error messages must not contain the values of these two.
const parse = (environment: Environment) => readSettings(variables, environment, ['DATABASE_URL', 'ADMIN_API_KEY'])

/**
 * Reads the settings of a command that opens the database without serving requests. Settings that would expose a service are accepted.
 * @throws StartError that names the first invalid variable and its expected value
 */
export const readDatabaseConfig = (environment: Environment): DatabaseConfig => parse(environment)

/** The default of RATE_LIMIT_KEY_REQUESTS. It is high, because one key often serves an application with many users. */
const defaultKeyRequests = 6_000

/**
 * Reads the settings of the service. An empty variable counts as unset.
 * @throws StartError that names the first invalid variable and its expected value
 */
export const readConfig = (environment: Environment): Config => {
  const config = parse(environment)
  if (config.AUTH === 'off' && !isLoopback(config.HOST) && config.ALLOW_UNAUTHENTICATED === 'off') {
    throw new StartError(
      `HOST: other machines can reach ${config.HOST}, and the API requires no credentials. Set AUTH=required, or set HOST to 127.0.0.1, ::1 or localhost, or set ALLOW_UNAUTHENTICATED=on if you trust the network.`,
    )
  }
  if (config.ADMIN_API_KEY !== undefined && config.AUTH === 'off') {
    throw new StartError('ADMIN_API_KEY has no effect while AUTH is off. Set AUTH=required, or remove ADMIN_API_KEY.')
  }
  if (config.CORS_ORIGINS.size > 0 && config.AUTH === 'off') {
    throw new StartError(
      'CORS_ORIGINS requires AUTH=required. Without API keys, every visitor of these pages could read and change all items.',
    )
  }
  // An explicit RATE_LIMIT_REQUESTS, such as 0 for no limit, is also the default for API keys.
  const keyRequests = environment.RATE_LIMIT_REQUESTS ? config.RATE_LIMIT_REQUESTS : defaultKeyRequests
  return { ...config, RATE_LIMIT_KEY_REQUESTS: config.RATE_LIMIT_KEY_REQUESTS ?? keyRequests }
}

/** The names of all settings. */
export const settingNames = Object.keys(variables.shape)
