import { createSessionPool, type SessionPool } from './session-pool.js'
import type { Session } from './sessions/session.js'
import type { Sessions } from './sessions/sessions.js'
import { createSlots } from './slots.js'

/** Connections that send statements through the driver. */
export interface Connections extends Pick<SessionPool<Session>, 'use' | 'end'> {
  /**
   * Sends a prepared statement.
   * @returns its rows, or undefined if no response arrived within `timeoutMs`
   * @throws NotConnected if the statement was not sent, or PostgreSQL's error
   */
  send<Row>(kind: 'read' | 'write', text: string, values: unknown[], timeoutMs: number): Promise<Row[] | undefined>
}

/**
 * Removes leading holes from the rows of a result. After a statement that failed halfway, the driver (postgres.js 3.4) stores the rows
 * of the connection's next result behind holes, which `filter` skips.
 */
export const compactRows = <Row>(rows: Row[]): Row[] => (rows.length === 0 || 0 in rows ? rows : rows.filter(() => true))

/**
 * Creates a pool of up to `count` connections, which are opened on demand. A statement takes the first idle connection. The driver's
 * own pool is not used, because it rotates its connections: PostgreSQL would wake a cold process for each statement.
 */
export const createConnections = (sessions: Sessions, count: number): Connections => {
  const { send, use, end } = createSessionPool(createSlots(sessions, count, () => sessions.open()))
  return {
    send: <Row>(kind: 'read' | 'write', text: string, values: unknown[], timeoutMs: number) =>
      send(
        kind,
        async ({ client }) => compactRows((await client.unsafe(text, values as never[], { prepare: true })) as unknown as Row[]),
        timeoutMs,
      ),
    use,
    end,
  }
}
