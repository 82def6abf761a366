import { createSessionPool, type SessionPool } from '../session-pool.js'
import type { Sessions } from '../sessions/sessions.js'
import { createSlots } from '../slots.js'
import type { BinaryStatement } from './binary-statement.js'
import { toWireSession, type WireSession } from './wire-session.js'

/** Connections that send binary statements. */
export interface WireConnections extends Pick<SessionPool<WireSession>, 'use' | 'end'> {
  /**
   * Sends a binary statement.
   * @returns its rows, or undefined if no response arrived within `timeoutMs`
   * @throws NotConnected if the statement was not sent, or PostgreSQL's error
   */
  send<Params, Row>(statement: BinaryStatement<Params, Row>, params: Params, timeoutMs: number): Promise<Row[] | undefined>
}

/** Statements that join with their parameters must lock rows in the order of these. Only a nested loop keeps it. */
const settings = { enable_hashjoin: 'off', enable_mergejoin: 'off' } as const

/** Creates a pool of up to `count` connections for binary statements, which are opened on demand. */
export const createWireConnections = (sessions: Sessions, count: number): WireConnections => {
  const { send, use, end } = createSessionPool(createSlots(sessions, count, async () => toWireSession(await sessions.open(settings))))
  return {
    send: (statement, params, timeoutMs) => send(statement.kind, (session) => session.execute(statement, params), timeoutMs),
    use,
    end,
  }
}
