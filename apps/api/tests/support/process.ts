import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { packageFolder } from '../../src/package-folder.js'
import { until } from './until.js'

/** The built service as a process of its own. */
export interface ServiceProcess {
  readonly child: ChildProcess
  /** All that it wrote to standard output and error. */
  readonly output: () => string
  /** Resolves with the URL when it listens; rejects when it ends before. */
  readonly ready: () => Promise<string>
  readonly ended: () => Promise<number | null>
}

/** Runs the built service with just these settings. */
export const runService = (settings: Record<string, string>): ServiceProcess => {
  const env = { PATH: process.env.PATH ?? '', PORT: '0', RATE_LIMIT_REQUESTS: '0', ...settings }
  const child = spawn(process.execPath, [join(packageFolder, 'dist', 'main.mjs')], { env, stdio: ['ignore', 'pipe', 'pipe'] })
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
      await until(() => url() !== undefined || child.exitCode !== null)
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
