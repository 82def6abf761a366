import cluster, { type Worker } from 'node:cluster'
import { type Logger, StartError } from '@holdfast/server-kit'
import type { ToPrimary } from './messages.js'

export interface SuperviseWorkerOptions {
  /** Initializes a new worker. */
  readonly onFork: (worker: Worker) => void
  /** Called when workers keep ending soon after their start. They are then no longer replaced. */
  readonly onCrashLoop: (error: StartError) => void
  readonly stopping: () => boolean
  readonly logger: Logger
}

/** A worker that ends sooner than this after its start counts as failed. Milliseconds. */
const minUptimeMs = 10_000
const failuresMax = 5
const restartDelayMsMin = 100

/**
 * Keeps one worker running. Replaces a worker that ends, after a delay that doubles while replacements fail. Resolves when the first worker
 * listens.
 */
export const superviseWorker = ({ onFork, onCrashLoop, stopping, logger }: SuperviseWorkerOptions): Promise<void> => {
  const listening = Promise.withResolvers<void>()
  let failures = 0

  const start = (): void => {
    if (stopping()) return
    const started = performance.now()
    const worker = cluster.fork()
    onFork(worker)
    worker.on('message', ({ kind }: ToPrimary) => {
      if (kind === 'listening') listening.resolve()
    })
    worker.on('error', (error) => logger.debug({ err: error, worker: worker.id }, 'a message did not reach a worker'))
    worker.on('exit', (status, signal) => {
      if (stopping()) return
      failures = performance.now() - started < minUptimeMs ? failures + 1 : 1
      const how = signal ? `signal ${signal}` : `exit status ${status}`
      logger.error({ worker: worker.id, status, signal }, 'a worker exited unexpectedly')
      if (failures < failuresMax) setTimeout(start, restartDelayMsMin * 2 ** (failures - 1))
      else onCrashLoop(new StartError(`${failures} workers in a row exited soon after their start, the last one with ${how}. See the log.`))
    })
  }
  start()
  return listening.promise
}
