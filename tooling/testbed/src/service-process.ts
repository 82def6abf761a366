import { type ChildProcess, spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { onExit } from './on-exit.ts'
import { until } from './until.ts'

/** A built service as a process of its own. */
export interface ServiceProcess {
  readonly child: ChildProcess
  /** All that it wrote to standard output and error. */
  readonly output: () => string
  /** Resolves with the URL when it listens; rejects when it ends before. */
  readonly ready: () => Promise<string>
  /** Resolves with the exit status; null where a signal ended it. */
  readonly ended: () => Promise<number | null>
}

const apps = resolve(import.meta.dirname, '..', '..', '..', 'apps')

/** Where the bundle of a built service is. */
export const serviceProgram = (app: 'api' | 'verifier'): string => join(apps, app, 'dist', 'main.mjs')

interface RunOptions {
  /** A bundle to run in place of the service's. */
  readonly program?: string
  /** Arguments of the command line. */
  readonly args?: readonly string[]
}

/** Runs a built service with just these settings. */
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
      const listening = url()
      if (listening === undefined) throw new Error(`the service ended: ${output}`)
      return listening
    },
    ended: async () => {
      await until(() => child.exitCode !== null || child.signalCode !== null)
      await until(() => child.stdout?.closed !== false && child.stderr?.closed !== false)
      return child.exitCode
    },
  }
}
