import { createLogger, type Logger } from '@holdfast/server-kit'
import { type DatabaseAddress, settingsOf, targetOf } from '../address/database-address.js'
import { type Candidate, connectToFirst } from '../address/endpoints.js'
import { NotConnected } from '../errors.js'
import { createIdentityCheck, identityOf, type ServerIdentity } from './server-identity.js'
import { checkUsable, UnusableServer } from './server-info.js'
import { connectTimeout, openSession, type Session } from './session.js'
import type { SessionSettings } from './session-settings.js'

/** How often a probe connection looks for a new primary and for changed server settings. Milliseconds. */
const probeIntervalMs = 5_000
/** The same while abandoned sessions still have a backend. Milliseconds. */
const abandonedProbeIntervalMs = 500
/** How long PostgreSQL may take to cancel the statement of an abandoned session before the session is terminated. Milliseconds. */
const cancelTimeoutMs = 1_000

/** A session that nobody uses any more and whose backend still runs. */
interface AbandonedSession {
  readonly session: Session
  /** On the clock of `performance.now()`. */
  readonly since: number
}

/** Opens and supervises sessions. All sessions of a process use the same server. */
export interface Sessions {
  /**
   * Opens a session to the primary.
   * @param more settings of this session in addition to those of all sessions
   * @throws NotConnected
   */
  open(more?: SessionSettings): Promise<Session>
  /** Abandons a session. Resolves when its backend has ended. `cancel` says whether its running statement must be canceled. */
  abandon(session: Session, cancel: boolean): Promise<void>
  /** Returns the identity of the server, or undefined before the first session. */
  identity(): ServerIdentity | undefined
  /** Stops the probes. Sessions stay open. */
  end(): void
}

/** Cancels or terminates the backends of abandoned sessions. Returns the process ids of those that still run. */
const endBackends = async (probe: Session, abandoned: readonly AbandonedSession[]): Promise<ReadonlySet<string>> => {
  const now = performance.now()
  const queries = abandoned.map(({ session: { serverInfo }, since }) => {
    const end = now - since >= cancelTimeoutMs ? 'pg_terminate_backend' : 'pg_cancel_backend'
    return `select pid, ${end}(pid) from pg_stat_activity where pid = ${serverInfo.pid} and backend_start::text = '${serverInfo.backend_start}'`
  })
  const rows = await probe.client.unsafe(queries.join(' union all '))
  return new Set(rows.map(({ pid }) => String(pid)))
}

const findUnusableServer = (error: unknown): UnusableServer | undefined => {
  if (error instanceof UnusableServer) return error
  return error instanceof AggregateError ? error.errors.find((each) => each instanceof UnusableServer) : undefined
}

/**
 * Creates the sessions of an address. They start to probe the server at once, until `end`.
 * @param settings session settings in addition to those of the address
 */
export const createSessions = (address: DatabaseAddress, logger: Logger, settings: SessionSettings = {}): Sessions => {
  const target = targetOf(address)
  const allowUnsafe = address.allowUnsafe === true
  const allSettings = { ...settingsOf(address), ...settings }
  const open = new Set<Session>()
  const abandoned = new Map<Session, AbandonedSession>()
  let stopping = false
  let timer: NodeJS.Timeout | undefined
  let preferredEndpoint = 0
  let reportedProblem = ''

  const identityCheck = createIdentityCheck(address.server, (identity) => {
    logger.warn(identity, 'a standby was promoted: closing the connections to the former primary')
    for (const session of open) if (session.serverInfo.timeline !== identity.timeline) session.destroy()
  })

  const openCandidate = async ({ endpoint, host }: Candidate, timeoutMs: number, more: SessionSettings): Promise<Session> => {
    const session = await openSession({ target, endpoint, host, settings: { ...allSettings, ...more }, keepCommit: allowUnsafe, timeoutMs })
    try {
      checkUsable(session.serverInfo, allowUnsafe)
      identityCheck.verify(identityOf(session.serverInfo))
      open.add(session)
      session.closed.then(() => open.delete(session))
      return session
    } catch (error) {
      session.destroy()
      throw error
    }
  }

  const reportUnusable = (error: unknown): void => {
    const unusable = findUnusableServer(error)
    const problem = unusable === undefined ? '' : (error as Error).message
    if (problem === reportedProblem) return
    reportedProblem = problem
    if (unusable !== undefined) logger.error({ reason: problem }, `the database cannot be used: ${problem}`)
    if (unusable?.closesSessions === true) for (const session of open) session.destroy()
  }

  const openPrimary = async (timeoutMs: number, more: SessionSettings = {}): Promise<Session> => {
    try {
      const { result: session, index } = await connectToFirst(target.endpoints, preferredEndpoint, (candidate) =>
        openCandidate(candidate, timeoutMs, more),
      )
      preferredEndpoint = index
      if (reportedProblem !== '') logger.info('the database can be used again')
      reportedProblem = ''
      return session
    } catch (error) {
      reportUnusable(error)
      throw new NotConnected(error)
    }
  }

  const probeServer = async (): Promise<void> => {
    const probe = await openPrimary(abandoned.size > 0 ? cancelTimeoutMs : connectTimeout(target))
    try {
      const waiting = [...abandoned.values()]
      if (waiting.length === 0) return
      const running = await endBackends(probe, waiting)
      for (const { session } of waiting) if (!running.has(String(session.serverInfo.pid))) session.destroy()
    } finally {
      probe.close()
    }
  }

  const scheduleProbe = (): void => {
    clearTimeout(timer)
    if (stopping) return
    timer = setTimeout(() => runProbe(), abandoned.size > 0 ? abandonedProbeIntervalMs : probeIntervalMs)
    timer.unref()
  }

  let probing = false
  const runProbe = async (): Promise<void> => {
    probing = true
    await probeServer().catch((error) => logger.debug({ err: error }, 'the database could not be probed'))
    probing = false
    scheduleProbe()
  }
  scheduleProbe()

  return {
    open: (more) => openPrimary(connectTimeout(target), more),
    abandon: async (session, cancel) => {
      if (!session.isOpen()) return
      const first = abandoned.size === 0
      abandoned.set(session, abandoned.get(session) ?? { session, since: performance.now() })
      if (cancel) session.cancel().catch((error) => logger.debug({ err: error }, 'a cancel request did not reach the database'))
      session.close()
      if (first && !probing) scheduleProbe()
      await session.closed
      abandoned.delete(session)
    },
    identity: identityCheck.current,
    end: () => {
      stopping = true
      clearTimeout(timer)
    },
  }
}

/**
 * Runs `run` on its own session and closes the session.
 * @throws NotConnected, or the error of `run`
 */
export const withSession = async <T>(
  address: DatabaseAddress,
  settings: SessionSettings,
  run: (session: Session) => Promise<T>,
): Promise<T> => {
  // Silent, because the error says everything.
  const sessions = createSessions(address, createLogger('silent'), settings)
  try {
    const session = await sessions.open()
    try {
      return await run(session)
    } finally {
      await session.client.end({ timeout: 1 })
      session.destroy()
    }
  } finally {
    sessions.end()
  }
}
