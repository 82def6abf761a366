import { createLogger, type Logger } from '@holdfast/server-kit'
import { type DatabaseAddress, settingsOf, targetOf } from '../address/database-address.js'
import { type Candidate, tryEach } from '../address/endpoints.js'
import { NotConnected } from '../errors.js'
import { createKnownServer, identityOf, type ServerIdentity } from './known-server.js'
import { checkFitness, UnfitServer } from './server-proof.js'
import { connectTimeout, openSession, type Session } from './session.js'
import type { SessionSettings } from './session-settings.js'

/** How often a new connection looks for another primary, and for settings that were changed on a running server. Milliseconds. */
const watchMs = 5_000
/** The same while sessions are given up that the server has not ended. */
const hastyWatchMs = 500
/** How long the server may take to cancel the statement of such a session before it ends the session. */
const cancelMs = 1_000

/** A session that the server has not ended yet, although nobody waits for it. */
interface Abandoned {
  readonly session: Session
  readonly since: number
}

/** Opens sessions and watches over them. All sessions of a process go to one server. */
export interface Sessions {
  /**
   * Opens a session to the primary.
   * @throws NotConnected
   */
  open(): Promise<Session>
  /** Gives a session up; resolves when the server has ended it. `cancel`: whether the statement that runs on it is to be canceled. */
  abandon(session: Session, cancel: boolean): Promise<void>
  /** Which server this process has met. */
  identity(): ServerIdentity | undefined
  /** Stops watching. Sessions stay open. */
  end(): void
}

/** Ends the backends of abandoned sessions; returns the process ids that are still there. */
const endBackends = async (watcher: Session, abandoned: readonly Abandoned[]): Promise<ReadonlySet<string>> => {
  const now = performance.now()
  const calls = abandoned.map(({ session: { proof }, since }) => {
    const end = now - since >= cancelMs ? 'pg_terminate_backend' : 'pg_cancel_backend'
    return `select pid, ${end}(pid) from pg_stat_activity where pid = ${proof.pid} and backend_start::text = '${proof.backend_start}'`
  })
  const rows = await watcher.client.unsafe(calls.join(' union all '))
  return new Set(rows.map(({ pid }) => String(pid)))
}

/** The reason for which a server cannot be used, if that is what an error is about. */
const unfitness = (error: unknown): UnfitServer | undefined => {
  if (error instanceof UnfitServer) return error
  return error instanceof AggregateError ? error.errors.find((each) => each instanceof UnfitServer) : undefined
}

/** @param settings those in which the sessions differ from the service's others */
export const createSessions = (address: DatabaseAddress, logger: Logger, settings: SessionSettings = {}): Sessions => {
  const target = targetOf(address)
  const allowUnsafe = address.allowUnsafe === true
  const allSettings = { ...settingsOf(address), ...settings }
  const open = new Set<Session>()
  const abandoned = new Map<Session, Abandoned>()
  let stopping = false
  let timer: NodeJS.Timeout | undefined
  let preferred = 0
  let complaint = ''

  const known = createKnownServer(address.server, (identity) => {
    logger.warn(identity, 'a standby was promoted: connections to the server before are dropped')
    for (const session of open) if (session.proof.timeline !== identity.timeline) session.drop()
  })

  const prove = async ({ endpoint, host }: Candidate, timeoutMs: number): Promise<Session> => {
    const session = await openSession({ target, endpoint, host, settings: allSettings, keepCommit: allowUnsafe, timeoutMs })
    try {
      checkFitness(session.proof, allowUnsafe)
      known.meet(identityOf(session.proof))
      open.add(session)
      session.closed.then(() => open.delete(session))
      return session
    } catch (error) {
      session.drop()
      throw error
    }
  }

  const complain = (error: unknown): void => {
    const unfit = unfitness(error)
    const message = unfit === undefined ? '' : (error as Error).message
    if (message === complaint) return
    complaint = message
    if (unfit !== undefined) logger.error({ reason: message }, `the database is not used: ${message}`)
    if (unfit?.unsafe === true) for (const session of open) session.drop()
  }

  const openProven = async (timeoutMs: number): Promise<Session> => {
    try {
      const { result: session, index } = await tryEach(target.endpoints, preferred, (candidate) => prove(candidate, timeoutMs))
      preferred = index
      if (complaint !== '') logger.info('the database is used again')
      complaint = ''
      return session
    } catch (error) {
      complain(error)
      throw new NotConnected(error)
    }
  }

  const look = async (): Promise<void> => {
    const watcher = await openProven(abandoned.size > 0 ? cancelMs : connectTimeout(target))
    try {
      const waiting = [...abandoned.values()]
      if (waiting.length === 0) return
      const alive = await endBackends(watcher, waiting)
      for (const { session } of waiting) if (!alive.has(String(session.proof.pid))) session.drop()
    } finally {
      watcher.finish()
    }
  }

  const lookLater = (): void => {
    clearTimeout(timer)
    if (stopping) return
    timer = setTimeout(() => watch(), abandoned.size > 0 ? hastyWatchMs : watchMs)
    timer.unref()
  }

  let looking = false
  const watch = async (): Promise<void> => {
    looking = true
    await look().catch((error) => logger.debug({ err: error }, 'the database could not be looked at'))
    looking = false
    lookLater()
  }
  lookLater()

  return {
    open: () => openProven(connectTimeout(target)),
    abandon: async (session, cancel) => {
      if (!session.isOpen()) return
      const first = abandoned.size === 0
      abandoned.set(session, abandoned.get(session) ?? { session, since: performance.now() })
      if (cancel) session.cancel().catch((error) => logger.debug({ err: error }, 'a request to cancel did not reach the database'))
      session.finish()
      if (first && !looking) lookLater()
      await session.closed
      abandoned.delete(session)
    },
    identity: known.identity,
    end: () => {
      stopping = true
      clearTimeout(timer)
    },
  }
}

/**
 * Runs `run` on a session of its own.
 * @throws NotConnected, and what `run` throws
 */
export const withSession = async <T>(
  address: DatabaseAddress,
  settings: SessionSettings,
  run: (session: Session) => Promise<T>,
): Promise<T> => {
  // What there is to tell is in the error.
  const sessions = createSessions(address, createLogger('silent'), settings)
  try {
    const session = await sessions.open()
    try {
      return await run(session)
    } finally {
      await session.client.end({ timeout: 1 })
      session.drop()
    }
  } finally {
    sessions.end()
  }
}
