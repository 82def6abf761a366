import type { Logger } from '@holdfast/server-kit'
import type { Change } from './change.js'
import type { ChangeReader } from './change-reader.js'
import { createHorizon, type Horizon } from './horizon.js'
import type { LogEnd } from './sql/read-horizon.js'

/** Why changes that a tail has not delivered are missing. */
type LossReason = 'cursor_too_old' | 'cursor_foreign'

/** Receives the changes of a tail. */
export interface TailObserver {
  /** Tells whether a stream is open. If not, changes are passed over. */
  readonly isNeeded: () => boolean
  /** Called with changes in their order. */
  readonly deliver: (changes: readonly Change[]) => void
  /** Called when changes up to `lastChange` were not delivered. */
  readonly passedOver: (lastChange: number) => void
  /** Called when changes may be missing. The tail continues after its position. */
  readonly lost: (reason: LossReason) => void
}

/** Reads the change log as it grows. */
export interface ChangeTail {
  /** All changes up to this position were delivered or passed over. Undefined until the log was read, and while another log is. */
  readonly position: number | undefined
  /** The last change up to the position. Unlike the position, it survives a crash of the server, so cursors contain it. */
  readonly lastChange: number
  /** The identity of the log. */
  readonly identity: string
  /** How long a transaction has kept the tail from the end of the log. Milliseconds; 0 if none does. */
  lagMs(): number
  /** Reads the log soon. */
  wake(): void
  /** Resolves when the tail has a position that is not less than `least`, or stops. */
  reach(least: number): Promise<void>
  /** Stops and waits for the running statement. */
  stop(): Promise<void>
}

export interface TailTiming {
  /** The pause between two looks at the log while it is needed, and while it is not. Milliseconds. */
  readonly pollMs: number
  readonly idlePollMs: number
}

/** The pause while transactions keep the log from being final, and after an error. Milliseconds. */
const writersPauseMs = 3
const errorPauseMs = 250
/** When a transaction that keeps the tail waiting is reported. Milliseconds. */
const reportLagMs = 5_000

/** Creates a timer that can be ended early. */
const createPause = () => {
  let wake: (() => void) | undefined
  let pending = false
  return {
    wake: (): void => {
      if (wake === undefined) pending = true
      else wake()
    },
    wait: (ms: number): Promise<void> =>
      new Promise((resolve) => {
        if (pending) {
          pending = false
          return resolve()
        }
        const timer = setTimeout(() => wake?.(), ms)
        wake = () => {
          wake = undefined
          clearTimeout(timer)
          resolve()
        }
      }),
  }
}

/**
 * Starts to read the change log. It delivers each change once and in the order of the log, as soon as all transactions that took an
 * earlier position have ended.
 */
export const startChangeTail = (reader: ChangeReader, observer: TailObserver, timing: TailTiming, logger: Logger): ChangeTail => {
  const pause = createPause()
  let stopped = false
  let position: number | undefined
  let lastChange = 0
  let identity = ''
  let session: string | undefined
  let horizon: Horizon = createHorizon()
  let waiters: { readonly least: number; readonly resolve: () => void }[] = []
  let waitingSince: number | undefined
  let reported = false

  const passOver = async (upTo: number): Promise<void> => {
    lastChange = await reader.lastChange(upTo)
    position = upTo
    observer.passedOver(lastChange)
  }

  const deliverUpTo = async (from: number, upTo: number): Promise<void> => {
    let after = from
    while (after < upTo && !stopped) {
      const { changes, upTo: readTo } = await reader.changes({ after, upTo })
      // A removed change would be missing among those that were read, so the floor is read after them.
      if ((await reader.floor()) > after) {
        await passOver(upTo)
        observer.lost('cursor_too_old')
        return
      }
      lastChange = changes.at(-1)?.seq ?? lastChange
      position = readTo
      observer.deliver(changes)
      after = readTo
    }
  }

  const advance = async (reached: number): Promise<void> => {
    waitingSince = undefined
    reported = false
    if (position !== undefined && observer.isNeeded()) return await deliverUpTo(position, reached)
    const isNew = position === undefined
    await passOver(reached)
    if (isNew) observer.lost('cursor_foreign')
  }

  /** Resolves the waiters whose position was reached. */
  const resolveWaiters = (): void => {
    if (waiters.length === 0) return
    const isOver = (least: number) => stopped || (position !== undefined && position >= least)
    const over = waiters.filter(({ least }) => isOver(least))
    waiters = waiters.filter(({ least }) => !isOver(least))
    for (const { resolve } of over) resolve()
  }

  const awaitWriters = async (writers: readonly string[]): Promise<void> => {
    waitingSince ??= performance.now()
    if (!reported && performance.now() - waitingSince > reportLagMs) {
      reported = true
      logger.warn(
        { transactions: writers },
        'a transaction that wrote items is still open, so watchers wait for it; see pg_stat_activity.backend_xid and pg_prepared_xacts',
      )
    }
    await pause.wait(writersPauseMs)
  }

  /** Continues on a new session. After a crash of the server, positions after the last change may be taken again. */
  const resume = async ({ last, session: opened }: LogEnd): Promise<void> => {
    const found = await reader.identity()
    const isSame = position !== undefined && identity === found && last >= lastChange
    if (position !== undefined && !isSame) {
      logger.warn('the database was replaced by another one, or by a promoted standby; watchers start again')
    }
    position = isSame ? lastChange : undefined
    identity = found
    session = opened
    horizon = createHorizon()
  }

  /** Looks at the log once. Returns whether it may look again at once. */
  const look = async (): Promise<boolean> => {
    const end = await reader.logEnd()
    if (end.session !== session) await resume(end)
    if (end.last === position) return false
    const writers = await reader.writers()
    const reached = horizon.observe(end.last, writers)
    if (reached === undefined || (position !== undefined && reached <= position)) {
      await awaitWriters(writers)
      return true
    }
    await advance(reached)
    return false
  }

  const run = async (): Promise<void> => {
    let failed = false
    while (!stopped) {
      try {
        const again = await look()
        failed = false
        resolveWaiters()
        if (!again) await pause.wait(observer.isNeeded() ? timing.pollMs : timing.idlePollMs)
      } catch (error) {
        if (!failed && !stopped) logger.warn({ err: error }, 'the change log cannot be read; retrying')
        failed = true
        await pause.wait(errorPauseMs)
      }
    }
  }
  const running = run()

  return {
    get position() {
      return position
    },
    get lastChange() {
      return lastChange
    },
    get identity() {
      return identity
    },
    lagMs: () => (waitingSince === undefined ? 0 : performance.now() - waitingSince),
    wake: pause.wake,
    reach: (least) =>
      new Promise((resolve) => {
        waiters.push({ least, resolve })
        pause.wake()
      }),
    stop: async () => {
      stopped = true
      pause.wake()
      await running
      resolveWaiters()
    },
  }
}
