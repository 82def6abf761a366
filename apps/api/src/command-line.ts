import { parseArgs } from 'node:util'
import { nearestName, StartError } from '@holdfast/server-kit'

/** A command line option. An option with a value overrides a setting. */
interface Option {
  readonly setting?: string
  readonly value?: string
  readonly description: string
}

const options: Readonly<Record<string, Option>> = {
  port: { setting: 'PORT', value: 'N', description: 'TCP port to listen on (default 8000; 0 chooses a free port)' },
  host: { setting: 'HOST', value: 'ADDRESS', description: 'address to listen on (default 127.0.0.1)' },
  'data-dir': { setting: 'DATA_DIR', value: 'DIR', description: 'data folder of the embedded PostgreSQL (default .holdfast)' },
  'log-level': { setting: 'LOG_LEVEL', value: 'LEVEL', description: 'fatal, error, warn, info, debug, trace or silent (default info)' },
  help: { description: 'show this help' },
  version: { description: 'show the version' },
}

/** Commands that run instead of the service. */
const commands = {
  migrate: 'apply pending migrations to the database and exit (also: npm run migrate)',
} as const

const isCommand = (text: string): text is keyof typeof commands => Object.hasOwn(commands, text)

/** A parsed command line. */
export interface Command {
  readonly name: 'start' | 'help' | 'version' | keyof typeof commands
  /** Settings that override environment variables. */
  readonly settings: Readonly<Record<string, string>>
}

/** An invalid command line. */
export class UsageError extends StartError {}

const usageError = (problem: string): UsageError => new UsageError(`${problem} See --help.`)

/** @param raw the option as it was written, such as `--prot` or `-p` */
const unknownOption = (raw: string, name: string): UsageError => {
  const nearest = nearestName(name, Object.keys(options), Math.floor(name.length / 2))
  return usageError(`unknown option ${raw}.${nearest === undefined ? '' : ` Did you mean --${nearest}?`}`)
}

const unexpectedArgument = (argument: string): UsageError => {
  const nearest = nearestName(argument, Object.keys(commands), 2)
  return usageError(`unexpected argument ${JSON.stringify(argument)}.${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`)
}

const parserOptions = Object.fromEntries(
  Object.entries(options).map(([name, { setting }]) => [
    name,
    { type: setting === undefined ? ('boolean' as const) : ('string' as const), ...(name === 'help' ? { short: 'h' } : {}) },
  ]),
)

/**
 * Parses the arguments of the command line.
 * @throws UsageError
 */
export const readCommandLine = (args: readonly string[]): Command => {
  const { tokens } = parseArgs({ args: [...args], strict: false, tokens: true, allowPositionals: true, options: parserOptions })
  const settings: Record<string, string> = {}
  let information: 'help' | 'version' | undefined
  let command: keyof typeof commands | undefined
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (command !== undefined || !isCommand(token.value)) throw unexpectedArgument(token.value)
      command = token.value
    }
    if (token.kind !== 'option') continue
    const { name, rawName, value } = token
    const option = Object.hasOwn(options, name) ? options[name] : undefined
    if (option === undefined) throw unknownOption(rawName, name)
    if (option.setting === undefined) {
      if (value !== undefined) throw usageError(`${rawName} takes no value.`)
      information ??= name as 'help' | 'version'
    } else {
      if (value === undefined || value === '' || value.startsWith('--'))
        throw usageError(`${rawName} needs a value: --${name} ${option.value}.`)
      settings[option.setting] = value
    }
  }
  return { name: information ?? command ?? 'start', settings }
}

/** Returns the text of `--help`. */
export const helpText = (): string => {
  const names = Object.entries(options).map(([name, { value }]) => `--${name}${value === undefined ? '' : ` ${value}`}`)
  const width = Math.max(...names.map((name) => name.length))
  const lines = Object.values(options).map(({ description, setting }, index) => {
    const variable = setting === undefined ? '' : ` [${setting}]`
    return `  ${names[index]?.padEnd(width)}  ${description}${variable}`
  })
  const commandLines = Object.entries(commands).map(([name, description]) => `  ${name.padEnd(width)}  ${description}`)
  return `Usage: npm start -- [options]
       node main.mjs [command] [options]

Runs Holdfast, a durable HTTP key-value service on PostgreSQL. Without DATABASE_URL, it runs its own PostgreSQL.

Options, and the environment variables that they override:

${lines.join('\n')}

Commands:

${commandLines.join('\n')}

Common environment variables:

  DATABASE_URL         postgres://user:password@host:port/database, PostgreSQL 15 or newer
  AUTH                 off, or required: requests for data need an API key (default off)
  RATE_LIMIT_REQUESTS  requests per minute of each client (default 60; 0 for no limit)

See docs/settings.md for all environment variables.
`
}
