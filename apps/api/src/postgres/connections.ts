import { withTimeout } from '../lib/with-timeout.js'
import { NotConnected } from './errors.js'
import { classifyFailure } from './failure-class.js'
import type { Session } from './sessions/session.js'
import type { Sessions } from './sessions/sessions.js'
import { type ConnectionUse, createSlots, type Slot } from './slots.js'

/** What a connection without statements may take to answer. Milliseconds. */
const askMs = 1_000

export interface Connections {
  /**
   * Sends a prepared statement; undefined if no answer came in time.
   * @throws NotConnected if it was not sent
   */
  send<Row>(text: string, values: unknown[], timeoutMs: number): Promise<Row[] | undefined>
  use(): ConnectionUse
  /** Lets what runs finish, for `timeoutMs` at most, and closes. */
  end(timeoutMs: number): Promise<void>
}

/**
 * The rows of an answer. After a statement that failed halfway the driver (3.4) puts the rows of the connection's next one behind holes,
 * which `filter` skips.
 */
export const compactRows = <Row>(rows: Row[]): Row[] => (rows.length === 0 || 0 in rows ? rows : rows.filter(() => true))

/**
 * Waits for a session that is being opened.
 * @throws NotConnected if that takes longer than `timeoutMs`
 */
export const openedWithin = async (opening: Session | Promise<Session>, timeoutMs: number): Promise<Session> => {
  const session = await withTimeout(Promise.resolve(opening), timeoutMs)
  if (session === undefined) throw new NotConnected('the database did not accept a connection in time')
  return session
}

/**
 * Connections that are opened as they are needed. The first one that is free is taken, so that a service with little to do uses
 * one that is warm: the driver's own pool takes turns, and PostgreSQL then wakes a cold process for each statement.
 */
export const createConnections = (sessions: Sessions, count: number): Connections => {
  const slots = createSlots(sessions, count)

  const ask = async (slot: Slot, session: Session): Promise<void> => {
    slot.inFlight++
    const response = await withTimeout(session.client.unsafe('select 1') as unknown as Promise<unknown>, askMs).catch(() => 'closed')
    slot.inFlight--
    if (response === undefined) slots.giveUp(slot, session, false)
  }

  let asking = false
  /** A statement without an answer may be slow, or its network is dead, and then that of other connections is, too. */
  const askIdle = async (): Promise<void> => {
    if (asking) return
    asking = true
    const idle = slots.all.filter(({ session, inFlight, abandoned }) => session?.isOpen() && inFlight === 0 && !abandoned)
    await Promise.all(idle.map((slot) => ask(slot, slot.session as Session)))
    asking = false
  }

  const sendOn = async <Row>(
    slot: Slot,
    session: Session,
    text: string,
    values: unknown[],
    timeoutMs: number,
  ): Promise<Row[] | undefined> => {
    try {
      const query = session.client.unsafe(text, values as never[], { prepare: true }) as unknown as Promise<Row[]>
      const rows = await withTimeout(query, timeoutMs)
      if (rows !== undefined) return compactRows(session.replicated(rows))
      slots.giveUp(slot, session, true)
      askIdle()
      return undefined
    } catch (error) {
      if (classifyFailure(error) === 'outcome_unknown') slots.giveUp(slot, session, false)
      throw error
    }
  }

  return {
    send: async <Row>(text: string, values: unknown[], timeoutMs: number) => {
      const slot = slots.freest()
      if (slot === undefined) throw new NotConnected('the database has not ended the statements that nobody waits for')
      slot.inFlight++
      try {
        const session = slots.sessionOf(slot)
        if (!(session instanceof Promise)) return await sendOn<Row>(slot, session, text, values, timeoutMs)
        const started = performance.now()
        const opened = await openedWithin(session, timeoutMs)
        return await sendOn<Row>(slot, opened, text, values, Math.max(1, timeoutMs - (performance.now() - started)))
      } finally {
        slot.inFlight--
      }
    },
    use: slots.use,
    end: slots.end,
  }
}
