import cluster, { type Worker } from 'node:cluster'
import { type Logger, StartError } from '@holdfast/server-kit'
import type { ToPrimary } from './messages.js'

export interface KeepWorkerOptions {
  /** Gives a new worker what it needs to serve. */
  readonly begin: (worker: Worker) => void
  /** Called when there is no sense in replacing workers. */
  readonly onCrashLoop: (error: StartError) => void
  readonly stopping: () => boolean
  readonly logger: Logger
}

/** A worker that ends so soon after its start did not work. Milliseconds. */
const minUptimeMs = 10_000
const failuresMax = 5
const pauseMsMin = 100

/**
 * Keeps a worker running: one that ends is replaced, after a pause that grows while replacements end soon. Resolves when the first
 * that can takes requests.
 */
export const superviseWorker = ({ begin, onCrashLoop, stopping, logger }: KeepWorkerOptions): Promise<void> => {
  const listening = Promise.withResolvers<void>()
  let failures = 0

  const start = (): void => {
    if (stopping()) return
    const started = performance.now()
    const worker = cluster.fork()
    begin(worker)
    worker.on('message', ({ kind }: ToPrimary) => {
      if (kind === 'listening') listening.resolve()
    })
    worker.on('error', (error) => logger.debug({ err: error, worker: worker.id }, 'a message did not reach a worker'))
    worker.on('exit', (status, signal) => {
      if (stopping()) return
      failures = performance.now() - started < minUptimeMs ? failures + 1 : 1
      const how = signal ? `signal ${signal}` : `exit status ${status}`
      logger.error({ worker: worker.id, status, signal }, 'a worker ended unexpectedly')
      if (failures < failuresMax) setTimeout(start, pauseMsMin * 2 ** (failures - 1))
      else {
        onCrashLoop(new StartError(`workers end as soon as they start, ${failures} in a row, the last one with ${how}; the log says why`))
      }
    })
  }
  start()
  return listening.promise
}
