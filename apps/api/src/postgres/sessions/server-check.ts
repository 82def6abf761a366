import { type Logger, StartError } from '@holdfast/server-kit'
import type { DatabaseAddress } from '../address/database-address.js'
import { NotConnected } from '../errors.js'
import { rejectTransactionPooling } from './pooler-check.js'
import type { ServerIdentity } from './server-identity.js'
import { UnusableServer } from './server-info.js'
import type { Session } from './session.js'
import { createSessions, type Sessions } from './sessions.js'

/** How long the first connection is retried, for a database that starts at the same time as the service. Milliseconds. */
const startupRetryMs = 5_000
/** Errors that a retry cannot fix: the server rejected the connection, or the settings are wrong. */
const permanentCodes = /^(28|3D|42|22|0A)|^(ENOTFOUND|ERR_TLS|EACCES|SELF_SIGNED_CERT.*|DEPTH_ZERO.*|UNABLE_TO.*|CERT_.*|ERR_TLS.*)$/

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

const adviceOn = (message: string, code: string): string => {
  if (/no encryption|SSL off/i.test(message)) return 'The server requires TLS. Add sslmode=require to the URL.'
  if (/^(28|3D)/.test(code)) return 'Check the user, the password and the database name in the URL.'
  return 'Check that PostgreSQL is running and that the URL has the form postgres://user:password@host:port/database.'
}

const toStartError = (cause: unknown): StartError => {
  if (cause instanceof UnusableServer) return new StartError(`DATABASE_URL: ${cause.message}`, { cause })
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : codeOf(cause)
  return new StartError(`DATABASE_URL: the database cannot be reached (${reason}). ${adviceOn(reason, codeOf(cause))}`, { cause })
}

/** Tells whether a retry cannot help, because every server gave a permanent error. */
const isPermanent = (cause: unknown): boolean =>
  cause instanceof AggregateError ? cause.errors.every(isPermanent) : cause instanceof UnusableServer || permanentCodes.test(codeOf(cause))

const openWithRetries = async (sessions: Sessions): Promise<Session> => {
  const deadline = performance.now() + startupRetryMs
  for (;;) {
    try {
      return await sessions.open()
    } catch (error) {
      const cause = error instanceof NotConnected ? error.cause : error
      if (isPermanent(cause) || performance.now() > deadline) throw toStartError(cause)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

const checkSession = ({ serverInfo }: Session, { allowUnsafe = false }: DatabaseAddress, logger: Logger): void => {
  const commit = serverInfo.synchronous_commit
  if (commit === 'off' && !allowUnsafe) {
    throw new StartError(
      'DATABASE_URL: the server can lose acknowledged writes: synchronous_commit is off. Turn it on, or set ALLOW_UNSAFE_DATABASE=on.',
    )
  }
  if (commit === 'local' || commit === 'remote_write') {
    const effect = allowUnsafe ? 'a failover can lose acknowledged writes' : 'the service uses "on" for its own connections'
    logger.warn(`synchronous_commit is ${commit}: ${effect}`)
  }
  if (serverInfo.system_identifier === null || serverInfo.timeline === null) {
    logger.warn('the role is not allowed to read the identity of the server: the service detects a failover only if it reaches a standby')
  }
}

/**
 * Waits up to some seconds for the server, and checks that it keeps acknowledged writes and has the features the statements need.
 * @returns the identity of the server
 * @throws StartError
 */
export const checkServer = async (address: DatabaseAddress, logger: Logger): Promise<ServerIdentity | undefined> => {
  const sessions = createSessions(address, logger)
  try {
    const session = await openWithRetries(sessions)
    try {
      checkSession(session, address, logger)
      await rejectTransactionPooling(session, sessions)
    } finally {
      session.destroy()
    }
    return sessions.identity()
  } finally {
    sessions.end()
  }
}
