import { StartError } from '@holdfast/server-kit'
import { withTimeout } from '../../lib/with-timeout.js'
import { NotConnected } from '../errors.js'
import type { Session } from './session.js'
import type { Sessions } from './sessions.js'

/** The number of transactions that keep a pooler busy, so that it must give an idle connection another backend. */
const blockersMax = 3
/** How long the pooler may take to respond. Milliseconds. */
const poolerTimeoutMs = 2_000

const readBackendPid = async ({ client }: Session): Promise<number> => {
  const [row] = await client.unsafe<{ pid: number }[]>('select pg_backend_pid() as pid')
  return row?.pid ?? 0
}

/** Holds transactions open, each on its own connection. */
const createBlockers = (sessions: Sessions) => {
  const blockers: Session[] = []
  let ended = false
  return {
    /** Opens one more transaction and returns the process id of its backend. */
    add: async (): Promise<number> => {
      const blocker = await sessions.open()
      blockers.push(blocker)
      if (ended) blocker.destroy()
      await blocker.client.unsafe('begin')
      return await readBackendPid(blocker)
    },
    end: (): void => {
      ended = true
      for (const blocker of blockers) blocker.destroy()
    },
  }
}

/** Tells whether a connection changes its backend, or shares it, while others hold transactions open. */
const sharesBackends = async (session: Session, sessions: Sessions): Promise<boolean> => {
  const blockers = createBlockers(sessions)
  try {
    const backend = await readBackendPid(session)
    if (backend !== session.serverInfo.pid) return true
    for (let count = 0; count < blockersMax; count++) {
      const other = await withTimeout(blockers.add(), poolerTimeoutMs)
      if (other === backend) return true
      // A full pool in session mode lets a new connection wait.
      if (other === undefined) return false
      // If the pooler has no backend left, this waits for the blockers.
      if ((await withTimeout(readBackendPid(session), poolerTimeoutMs)) !== backend) return true
    }
    return false
  } catch (error) {
    // A pooler in statement mode rejects transactions.
    return !(error instanceof NotConnected)
  } finally {
    blockers.end()
  }
}

/**
 * Rejects a pooler that gives each transaction or statement another backend, because session settings and prepared statements are lost
 * there.
 * @throws StartError
 */
export const rejectTransactionPooling = async (session: Session, sessions: Sessions): Promise<void> => {
  // PostgreSQL sends the process id of the backend to a new connection. A pooler sends a number of its own.
  if (session.connectionPid === session.serverInfo.pid || !(await sharesBackends(session, sessions))) return
  throw new StartError(
    'DATABASE_URL: the server is a connection pooler in transaction or statement mode, such as PgBouncer. Connect to PostgreSQL directly, or set the pooler to session mode.',
  )
}
