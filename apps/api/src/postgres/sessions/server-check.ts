import { type Logger, StartError } from '@holdfast/server-kit'
import type { DatabaseAddress } from '../address/database-address.js'
import { NotConnected } from '../errors.js'
import type { ServerIdentity } from './known-server.js'
import { rejectSharingPooler } from './pooler-check.js'
import { UnfitServer } from './server-proof.js'
import type { Session } from './session.js'
import { createSessions, type Sessions } from './sessions.js'

/** How long the first connection is tried, for a database that is started at the same time. Milliseconds. */
const patienceMs = 5_000
/** The server was reached and says no, or the settings are wrong: waiting does not help. */
const finalCodes = /^(28|3D|42|22|0A)|^(ENOTFOUND|ERR_TLS|EACCES|SELF_SIGNED_CERT.*|DEPTH_ZERO.*|UNABLE_TO.*|CERT_.*|ERR_TLS.*)$/

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/** What to do about a refusal by `pg_hba.conf` or by the server's TLS. */
const adviceOn = (message: string): string =>
  /no encryption|SSL off/i.test(message)
    ? 'add sslmode=require to the URL, as the server asks for TLS'
    : 'expected postgres://user:password@host:port/database of a running PostgreSQL'

const startError = (cause: unknown): StartError => {
  if (cause instanceof UnfitServer) return new StartError(`DATABASE_URL: ${cause.message}`, { cause })
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : codeOf(cause)
  return new StartError(`DATABASE_URL: the database cannot be reached (${reason}); ${adviceOn(reason)}`, { cause })
}

/** Whether every server that was tried has said no for good. */
const isFinal = (cause: unknown): boolean =>
  cause instanceof AggregateError ? cause.errors.every(isFinal) : cause instanceof UnfitServer || finalCodes.test(codeOf(cause))

const openPatiently = async (sessions: Sessions): Promise<Session> => {
  const until = performance.now() + patienceMs
  for (;;) {
    try {
      return await sessions.open()
    } catch (error) {
      const cause = error instanceof NotConnected ? error.cause : error
      if (isFinal(cause) || performance.now() > until) throw startError(cause)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

const checkSession = ({ proof }: Session, { allowUnsafe = false }: DatabaseAddress, logger: Logger): void => {
  const commit = proof.synchronous_commit
  if (commit === 'off' && !allowUnsafe) {
    throw new StartError(
      'DATABASE_URL: the server has synchronous_commit off and could lose acknowledged writes; turn it on, or set ALLOW_UNSAFE_DATABASE=on',
    )
  }
  if (commit === 'local' || commit === 'remote_write') {
    const effect = allowUnsafe ? 'a failover can lose acknowledged writes' : 'the service sets it to on for its own connections'
    logger.warn(`synchronous_commit is ${commit}: ${effect}`)
  }
  if (proof.system_identifier === null || proof.timeline === null) {
    logger.warn('the role may not ask which server it reached: a failover is noticed only if the server reached is a standby')
  }
}

/**
 * Waits for the server for some seconds and refuses one that could lose acknowledged writes or that lacks what the
 * statements need.
 * @returns which server it is
 * @throws StartError
 */
export const checkServer = async (address: DatabaseAddress, logger: Logger): Promise<ServerIdentity | undefined> => {
  const sessions = createSessions(address, logger)
  try {
    const session = await openPatiently(sessions)
    try {
      checkSession(session, address, logger)
      await rejectSharingPooler(session, sessions)
    } finally {
      session.drop()
    }
    return sessions.identity()
  } finally {
    sessions.end()
  }
}
