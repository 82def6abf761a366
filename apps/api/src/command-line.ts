import { parseArgs } from 'node:util'
import { nearestName, StartError } from '@holdfast/server-kit'

/** An option of the command line. Those that take a value stand for a setting, which they override. */
interface Option {
  readonly setting?: string
  readonly value?: string
  readonly description: string
}

const options: Readonly<Record<string, Option>> = {
  port: { setting: 'PORT', value: 'N', description: 'TCP port to listen on (default 8000; 0 takes any free one)' },
  host: { setting: 'HOST', value: 'ADDRESS', description: 'address to listen on (default 127.0.0.1)' },
  'data-dir': { setting: 'DATA_DIR', value: 'DIR', description: "folder of the service's own PostgreSQL (default .holdfast)" },
  'log-level': { setting: 'LOG_LEVEL', value: 'LEVEL', description: 'fatal, error, warn, info, debug, trace or silent (default info)' },
  help: { description: 'show this help' },
  version: { description: 'show the version' },
}

/** Commands that run in place of the service, each the first argument that is no option. */
const commands = {
  migrate: 'bring the tables of the database up to date, and exit (npm run migrate)',
} as const

const isCommand = (text: string): text is keyof typeof commands => Object.hasOwn(commands, text)

/** What the command line asks for. */
export interface Command {
  readonly name: 'start' | 'help' | 'version' | keyof typeof commands
  /** Settings that override environment variables. */
  readonly settings: Readonly<Record<string, string>>
}

/** A command line that cannot be understood: a usage error. */
export class UsageError extends StartError {}

const usageError = (problem: string): UsageError => new UsageError(`${problem} (--help lists the options)`)

/** @param raw the option as it was given, such as `--prot` or `-p` */
const unknownOption = (raw: string, name: string): UsageError => {
  const nearest = nearestName(name, Object.keys(options), Math.floor(name.length / 2))
  return usageError(`unknown option ${raw}${nearest === undefined ? '' : `, did you mean --${nearest}?`}`)
}

const unexpected = (argument: string): UsageError => {
  const nearest = nearestName(argument, Object.keys(commands), 2)
  return usageError(`unexpected argument ${JSON.stringify(argument)}${nearest === undefined ? '' : `, did you mean ${nearest}?`}`)
}

const parserOptions = Object.fromEntries(
  Object.entries(options).map(([name, { setting }]) => [
    name,
    { type: setting === undefined ? ('boolean' as const) : ('string' as const), ...(name === 'help' ? { short: 'h' } : {}) },
  ]),
)

/**
 * Reads the arguments of the command line.
 * @throws UsageError that names the option and what it expects
 */
export const readCommandLine = (args: readonly string[]): Command => {
  const { tokens } = parseArgs({ args: [...args], strict: false, tokens: true, allowPositionals: true, options: parserOptions })
  const settings: Record<string, string> = {}
  let asked: 'help' | 'version' | undefined
  let command: keyof typeof commands | undefined
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (command !== undefined || !isCommand(token.value)) throw unexpected(token.value)
      command = token.value
    }
    if (token.kind !== 'option') continue
    const { name, rawName, value } = token
    const option = Object.hasOwn(options, name) ? options[name] : undefined
    if (option === undefined) throw unknownOption(rawName, name)
    if (option.setting === undefined) {
      if (value !== undefined) throw usageError(`${rawName} takes no value`)
      asked ??= name as 'help' | 'version'
    } else {
      if (value === undefined || value === '' || value.startsWith('--'))
        throw usageError(`${rawName} needs a value: --${name} ${option.value}`)
      settings[option.setting] = value
    }
  }
  return { name: asked ?? command ?? 'start', settings }
}

/** The text of `--help`. */
export const helpText = (): string => {
  const names = Object.entries(options).map(([name, { value }]) => `--${name}${value === undefined ? '' : ` ${value}`}`)
  const width = Math.max(...names.map((name) => name.length))
  const lines = Object.values(options).map(({ description, setting }, index) => {
    const variable = setting === undefined ? '' : ` [${setting}]`
    return `  ${names[index]?.padEnd(width)}  ${description}${variable}`
  })
  const commandLines = Object.entries(commands).map(([name, description]) => `  ${name.padEnd(width)}  ${description}`)
  return `Usage: npm start -- [options]     or: node main.mjs [command] [options]

Runs Holdfast, a durable HTTP key-value service, on its own PostgreSQL or on that of DATABASE_URL.

Options, each with the environment variable that it overrides:

${lines.join('\n')}

Commands, in place of running the service:

${commandLines.join('\n')}

Environment variables that many need:

  DATABASE_URL         postgres://user:password@host:port/database of a PostgreSQL 15 or newer
  AUTH                 required: every request for data needs an API key (default off)
  RATE_LIMIT_REQUESTS  requests a minute for each client (default 60; 0 for no limit)

docs/settings.md describes all of them.
`
}
