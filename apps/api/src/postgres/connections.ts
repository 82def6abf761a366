import { withTimeout } from '../lib/with-timeout.js'
import { NotConnected } from './errors.js'
import { classifyFailure } from './failure-class.js'
import type { Session } from './sessions/session.js'
import type { Sessions } from './sessions/sessions.js'
import { type ConnectionUse, createSlots, type Slot } from './slots.js'

/** How long an idle connection may take to respond to a liveness check. Milliseconds. */
const livenessTimeoutMs = 1_000

export interface Connections {
  /**
   * Sends a prepared statement.
   * @returns its rows, or undefined if no response arrived within `timeoutMs`
   * @throws NotConnected if the statement was not sent, or PostgreSQL's error
   */
  send<Row>(text: string, values: unknown[], timeoutMs: number): Promise<Row[] | undefined>
  use(): ConnectionUse
  /** Waits up to `timeoutMs` for running statements and closes all connections. */
  end(timeoutMs: number): Promise<void>
}

/**
 * Removes leading holes from the rows of a result. After a statement that failed halfway, the driver (postgres.js 3.4) stores the rows
 * of the connection's next result behind holes, which `filter` skips.
 */
export const compactRows = <Row>(rows: Row[]): Row[] => (rows.length === 0 || 0 in rows ? rows : rows.filter(() => true))

/**
 * Waits for a session that is being opened.
 * @throws NotConnected if that takes longer than `timeoutMs`
 */
export const awaitSession = async (opening: Session | Promise<Session>, timeoutMs: number): Promise<Session> => {
  const session = await withTimeout(Promise.resolve(opening), timeoutMs)
  if (session === undefined) throw new NotConnected('the database did not accept a connection in time')
  return session
}

/**
 * Creates a pool of up to `count` connections, which are opened on demand. A statement takes the first idle connection. The driver's
 * own pool is not used, because it rotates its connections: PostgreSQL would wake a cold process for each statement.
 */
export const createConnections = (sessions: Sessions, count: number): Connections => {
  const slots = createSlots(sessions, count)

  const checkLiveness = async (slot: Slot, session: Session): Promise<void> => {
    slot.inFlight++
    const response = await withTimeout(session.client.unsafe('select 1') as unknown as Promise<unknown>, livenessTimeoutMs).catch(
      () => 'closed',
    )
    slot.inFlight--
    if (response === undefined) slots.abandon(slot, session, false)
  }

  let checking = false
  /** Checks all idle connections. After a statement timed out, the network of the other connections may be dead too. */
  const checkIdleConnections = async (): Promise<void> => {
    if (checking) return
    checking = true
    const idle = slots.all.filter(({ session, inFlight, abandoned }) => session?.isOpen() && inFlight === 0 && !abandoned)
    await Promise.all(idle.map((slot) => checkLiveness(slot, slot.session as Session)))
    checking = false
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
      if (rows !== undefined) return compactRows(session.requireReplicated(rows))
      slots.abandon(slot, session, true)
      checkIdleConnections()
      return undefined
    } catch (error) {
      if (classifyFailure(error) === 'outcome_unknown') slots.abandon(slot, session, false)
      throw error
    }
  }

  return {
    send: async <Row>(text: string, values: unknown[], timeoutMs: number) => {
      const slot = slots.leastBusy()
      if (slot === undefined) throw new NotConnected('all connections run statements that timed out')
      slot.inFlight++
      try {
        const session = slots.sessionOf(slot)
        if (!(session instanceof Promise)) return await sendOn<Row>(slot, session, text, values, timeoutMs)
        const started = performance.now()
        const opened = await awaitSession(session, timeoutMs)
        return await sendOn<Row>(slot, opened, text, values, Math.max(1, timeoutMs - (performance.now() - started)))
      } finally {
        slot.inFlight--
      }
    },
    use: slots.use,
    end: slots.end,
  }
}
