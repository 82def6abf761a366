import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Load, Measured } from './put-load.js'

/** A server that is measured. */
export interface Target {
  readonly name: string
  readonly port: number
  readonly child: ChildProcess
}

/** Megabytes of memory that a server holds; undefined where the system does not tell. */
export const residentMegabytes = ({ child }: Target): number | undefined => {
  try {
    const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
    return Math.round(Number(kilobytes) / 1024)
  } catch {
    return undefined
  }
}

/** The first message of a process; rejects where it ends before. */
const firstMessage = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as T))
    child.once('exit', (status) => reject(new Error(`${child.spawnargs.join(' ')} ended with status ${status}`)))
  })

/** Starts one of the servers written for the comparison. */
export const startServer = async (name: string, environment: Record<string, string>): Promise<Target> => {
  const child = fork(join(import.meta.dirname, 'servers', `${name}.mjs`), {
    env: { ...process.env, NODE_ENV: 'production', ...environment },
  })
  return { name, port: await firstMessage<number>(child), child }
}

/** Starts Holdfast as users run it: everything at its default but the rate limit. Its log goes where nobody reads it. */
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

/** Runs one measurement in a process of its own, so that it has a processor of its own where there is one. */
export const measure = async (load: Load): Promise<Measured> => {
  const child = fork(join(import.meta.dirname, 'load.mjs'))
  child.send(load)
  return firstMessage<Measured>(child)
}
