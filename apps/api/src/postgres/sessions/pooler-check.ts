import { StartError } from '@holdfast/server-kit'
import { withTimeout } from '../../lib/with-timeout.js'
import { NotConnected } from '../errors.js'
import type { Session } from './session.js'
import type { Sessions } from './sessions.js'

/** How many transactions a pooler is kept busy with, so that it has to move an idle connection to another backend. */
const holdersMax = 3
/** How long the pooler may take. Milliseconds. */
const patienceMs = 2_000

const backendOf = async ({ client }: Session): Promise<number> => {
  const [row] = await client.unsafe<{ pid: number }[]>('select pg_backend_pid() as pid')
  return row?.pid ?? 0
}

/** Transactions that are held open, each on a connection of its own. */
const createHolders = (sessions: Sessions) => {
  const holders: Session[] = []
  let over = false
  return {
    /** Opens one more; returns its backend. */
    add: async (): Promise<number> => {
      const holder = await sessions.open()
      holders.push(holder)
      if (over) holder.drop()
      await holder.client.unsafe('begin')
      return await backendOf(holder)
    },
    drop: (): void => {
      over = true
      for (const holder of holders) holder.drop()
    },
  }
}

/** Whether a connection changes its backend, or shares it, while others have transactions. */
const sharesBackends = async (session: Session, sessions: Sessions): Promise<boolean> => {
  const holders = createHolders(sessions)
  try {
    const backend = await backendOf(session)
    if (backend !== session.proof.pid) return true
    for (let held = 0; held < holdersMax; held++) {
      const other = await withTimeout(holders.add(), patienceMs)
      if (other === backend) return true
      // A pool in session mode without room for one more makes it wait.
      if (other === undefined) return false
      // With no backend left, this waits for the holders.
      if ((await withTimeout(backendOf(session), patienceMs)) !== backend) return true
    }
    return false
  } catch (error) {
    // In statement mode no transaction may begin.
    return !(error instanceof NotConnected)
  } finally {
    holders.drop()
  }
}

/**
 * Rejects a pooler that gives each transaction or statement another backend: settings and prepared statements of a session are
 * lost there.
 * @throws StartError
 */
export const rejectSharingPooler = async (session: Session, sessions: Sessions): Promise<void> => {
  // The server itself gives a connection the number of its process, a pooler gives one of its own.
  if (session.connectionPid === session.proof.pid || !(await sharesBackends(session, sessions))) return
  throw new StartError(
    'DATABASE_URL: a connection pooler shares backends between connections (PgBouncer in transaction or statement mode); expected PostgreSQL itself, or a pooler in session mode',
  )
}
