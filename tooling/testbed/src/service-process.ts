import { type ChildProcess, spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { onExit } from './on-exit.ts'
import { until } from './until.ts'

/** A built service that runs as a child process. */
export interface ServiceProcess {
  readonly child: ChildProcess
  /** Returns everything written to standard output and standard error so far. */
  readonly output: () => string
  /** Resolves with the URL when the service listens. Rejects if it exits before. */
  readonly ready: () => Promise<string>
  /** Resolves with the exit status, or null if a signal ended the process. */
  readonly ended: () => Promise<number | null>
}

const apps = resolve(import.meta.dirname, '..', '..', '..', 'apps')

/** Returns the path of the bundle of a built service. */
export const serviceProgram = (app: 'api' | 'verifier'): string => join(apps, app, 'dist', 'main.mjs')

interface RunOptions {
  /** The bundle to run instead of the built service. */
  readonly program?: string
  /** Command-line arguments. */
  readonly args?: readonly string[]
}

/**
 * Runs a built service. Its environment consists of `settings`, `PATH`, and defaults that choose a
 * free port and turn rate limits off.
 */
export const runService = (
  app: 'api' | 'verifier',
  settings: Record<string, string>,
  { program = serviceProgram(app), args = [] }: RunOptions = {},
): ServiceProcess => {
  const env = { PATH: process.env.PATH ?? '', PORT: '0', RATE_LIMIT_REQUESTS: '0', ...settings }
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  child.once(
    'exit',
    onExit(() => child.kill('SIGKILL')),
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data
    })
  }
  const url = () => /"url":"([^"]+)"/.exec(output)?.[1]
  return {
    child,
    output: () => output,
    ready: async () => {
      await until(() => url() !== undefined || child.exitCode !== null || child.signalCode !== null)
      const listenUrl = url()
      if (listenUrl === undefined) throw new Error(`the service exited during startup: ${output}`)
      return listenUrl
    },
    ended: async () => {
      await until(() => child.exitCode !== null || child.signalCode !== null)
      await until(() => child.stdout?.closed !== false && child.stderr?.closed !== false)
      return child.exitCode
    },
  }
}
