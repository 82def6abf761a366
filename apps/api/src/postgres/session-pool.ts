import { withTimeout } from '../lib/with-timeout.js'
import { ConnectionsBusy, NotConnected } from './errors.js'
import { classifyFailure } from './failure-class.js'
import type { Session } from './sessions/session.js'
import type { ConnectionUse, Slot, Slots } from './slots.js'

/** How long an idle connection may take to respond to a liveness check. Milliseconds. */
const livenessTimeoutMs = 1_000

/** Runs statements on the sessions of some slots. */
export interface SessionPool<S> {
  /**
   * Runs a statement on the first idle session. A read is sent behind others if no session is idle. A write waits for an idle session,
   * because statements behind it would wait for the same locks.
   * @returns its rows, or undefined if no response arrived within `timeoutMs`
   * @throws NotConnected or ConnectionsBusy if the statement was not sent, or PostgreSQL's error
   */
  send<Rows>(kind: 'read' | 'write', execute: (session: S) => Promise<Rows>, timeoutMs: number): Promise<Rows | undefined>
  use(): ConnectionUse
  /** Waits up to `timeoutMs` for running statements and closes all connections. */
  end(timeoutMs: number): Promise<void>
}

/**
 * Waits for a session that is being opened.
 * @throws NotConnected if that takes longer than `timeoutMs`
 */
export const awaitSession = async <S>(opening: S | Promise<S>, timeoutMs: number): Promise<S> => {
  const session = await withTimeout(Promise.resolve(opening), timeoutMs)
  if (session === undefined) throw new NotConnected('the database did not accept a connection in time')
  return session
}

/** Creates a pool of sessions. They are opened on demand. */
export const createSessionPool = <S extends Session>(slots: Slots<S>): SessionPool<S> => {
  const checkLiveness = async (slot: Slot<S>, session: S): Promise<void> => {
    slot.inFlight++
    const response = await withTimeout(
      session.ping().then(() => 'alive'),
      livenessTimeoutMs,
    ).catch(() => 'closed')
    slots.release(slot)
    if (response === undefined) slots.abandon(slot, session, false)
  }

  let checking = false
  /** Checks all idle connections. After a statement timed out, the network of the other connections may be dead too. */
  const checkIdleConnections = async (): Promise<void> => {
    if (checking) return
    checking = true
    const idle = slots.all.filter(({ session, inFlight, abandoned }) => session?.isOpen() && inFlight === 0 && !abandoned)
    await Promise.all(idle.map((slot) => checkLiveness(slot, slot.session as S)))
    checking = false
  }

  const sendOn = async <Rows>(
    slot: Slot<S>,
    session: S,
    execute: (session: S) => Promise<Rows>,
    timeoutMs: number,
  ): Promise<Rows | undefined> => {
    try {
      const rows = await withTimeout(execute(session), timeoutMs)
      if (rows !== undefined) return session.requireReplicated(rows)
      slots.abandon(slot, session, true)
      checkIdleConnections()
      return undefined
    } catch (error) {
      if (classifyFailure(error) === 'outcome_unknown') slots.abandon(slot, session, false)
      throw error
    }
  }

  /** @throws NotConnected, ConnectionsBusy */
  const takeSlot = async (kind: 'read' | 'write', timeoutMs: number): Promise<Slot<S>> => {
    if (kind === 'write') {
      const slot = await slots.reserve(timeoutMs)
      if (slot === undefined) throw new ConnectionsBusy()
      return slot
    }
    const slot = slots.leastBusy()
    if (slot === undefined) throw new NotConnected('all connections run statements that timed out')
    slot.inFlight++
    return slot
  }

  return {
    send: async (kind, execute, timeoutMs) => {
      const started = performance.now()
      const remainingMs = () => Math.max(1, timeoutMs - (performance.now() - started))
      const slot = await takeSlot(kind, timeoutMs)
      try {
        const session = slots.sessionOf(slot)
        const opened = session instanceof Promise ? await awaitSession(session, remainingMs()) : session
        return await sendOn(slot, opened, execute, remainingMs())
      } finally {
        slots.release(slot)
      }
    },
    use: slots.use,
    end: slots.end,
  }
}
