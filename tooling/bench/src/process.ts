import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCpuTimes } from './cpu-time.js'
import type { Load, Measurement } from './generate-load.js'

/** A server process that the benchmark measures. */
export interface Target {
  readonly name: string
  readonly port: number
  readonly child: ChildProcess
}

/** Returns the resident memory of a server in megabytes. Undefined except on Linux, which has `/proc`. */
export const residentMegabytes = ({ child }: Target): number | undefined => {
  try {
    const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
    return Math.round(Number(kilobytes) / 1024)
  } catch {
    return undefined
  }
}

/** Resolves with the first message of a process. Rejects if it exits before. */
const firstMessage = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as T))
    child.once('exit', (status) => reject(new Error(`${child.spawnargs.join(' ')} exited with status ${status}`)))
  })

/** Starts one of the servers written for the comparison. */
export const startServer = async (name: string, environment: Record<string, string>): Promise<Target> => {
  const child = fork(join(import.meta.dirname, 'servers', `${name}.mjs`), {
    env: { ...process.env, NODE_ENV: 'production', ...environment },
  })
  return { name, port: await firstMessage<number>(child), child }
}

/** Starts Holdfast with default settings, except for the data folder, the port and a high rate limit. Its log is on and discarded. */
export const startHoldfast = async (main: string, dataDir: string): Promise<Target> => {
  const env = { ...process.env, NODE_ENV: 'production', PORT: '0', DATA_DIR: dataDir, RATE_LIMIT_REQUESTS: '1000000000' }
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const { url } = await firstMessage<{ url: string }>(child)
  return { name: 'holdfast', port: Number(new URL(url).port), child }
}

export const stop = async ({ child }: Target): Promise<void> => {
  child.kill('SIGINT')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** A measurement with the CPU time of the server and of PostgreSQL per response, in microseconds. */
export interface ServerMeasurement extends Measurement {
  readonly serverMicros: number
  readonly postgresMicros: number
}

/**
 * Runs one measurement. The load generator is a process of its own, so that it can use another CPU.
 * @param dataDir the data folder of Holdfast, whose PostgreSQL all servers use
 */
export const measure = async (target: Target, dataDir: string, load: Omit<Load, 'port'>): Promise<ServerMeasurement> => {
  const before = readCpuTimes(target.child.pid, dataDir)
  const generator = fork(join(import.meta.dirname, 'load.mjs'))
  generator.send({ ...load, port: target.port })
  const measurement = await firstMessage<Measurement>(generator)
  const after = readCpuTimes(target.child.pid, dataDir)
  const { responses } = measurement
  return {
    ...measurement,
    serverMicros: (after.server - before.server) / responses,
    postgresMicros: (after.postgres - before.postgres) / responses,
  }
}
