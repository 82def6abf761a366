import type { Socket } from 'node:net'
import postgres from 'postgres'
import type { DatabaseTarget, ServerEndpoint } from '../address/database-url.js'
import { deadlines } from '../deadlines.js'
import { type CancelKey, requestCancel } from './cancel-request.js'
import { openSocket } from './open-socket.js'
import { proofStatements, type ServerProof } from './server-proof.js'
import { type SessionSettings, setUpSession } from './session-settings.js'

/** One connection to a server: it has told what server it is, and the session is set up. It never becomes another connection. */
export interface Session {
  readonly client: postgres.Sql
  readonly proof: ServerProof
  /** The process id that the server gave the connection; through a pooler it is not the backend's. */
  readonly connectionPid: number
  readonly isOpen: () => boolean
  /**
   * Returns an answer, unless it came after a wait for a synchronous standby was canceled, and so may not be on the standby.
   * @throws an error that leaves the outcome unknown
   */
  readonly replicated: <T>(response: T) => T
  /** Resolves when the connection is closed by either side. */
  readonly closed: Promise<void>
  /** Asks the server to cancel the statement that runs; resolves when it has the request. */
  readonly cancel: () => Promise<void>
  /** Closes the connection once its statements are answered. */
  readonly finish: () => void
  /** Closes the connection at once; what runs on it fails. */
  readonly drop: () => void
}

/** Where a session goes, and what it is. */
export interface SessionOptions {
  readonly target: DatabaseTarget
  readonly endpoint: ServerEndpoint
  /** The name that the certificate must have: that of the URL, while `endpoint` has one of its addresses. */
  readonly host: string | undefined
  readonly settings: SessionSettings
  /** Whether `synchronous_commit` stays as the server has it. */
  readonly keepCommit: boolean
  /** For the socket, and again for the answers to the first statements. Milliseconds. */
  readonly timeoutMs: number
}

/** A session's only socket was lost, and a statement was not sent. */
const lostBefore = () => Object.assign(new Error('the connection was lost before the statement was sent'), { code: 'NOT_CONNECTED' })

/** Classified as lost: the commit is on this server and may not survive its failover. */
const notReplicated = () => Object.assign(new Error('the wait for a synchronous standby was canceled'), { code: '40003' })

/** The driver's client on one socket. It would make another one by itself when it has lost that. */
const createClient = (
  socket: Socket,
  { target }: SessionOptions,
  onNotice: (notice: postgres.Notice) => void,
  onClosed: () => void,
): postgres.Sql => {
  let used = false
  const options = {
    // Nothing of the driver's own choice: it would read the environment.
    host: 'database',
    port: 5432,
    database: target.database,
    username: target.user,
    password: target.password,
    ssl: false,
    socket: () => {
      if (used) throw lostBefore()
      used = true
      return socket
    },
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: 0,
    // The driver would ask each new connection for the types of arrays, in a promise that it keeps to itself: where the connection
    // died meanwhile, that would be a rejection that nobody can catch, and the end of the process.
    fetch_types: false,
    onnotice: onNotice,
    onclose: onClosed,
    connection: target.startup,
  } satisfies postgres.Options<Record<string, never>> & { socket: () => Socket }
  return postgres(options)
}

type ProofRows = postgres.RowList<(ServerProof & postgres.Row)[]> & { readonly state: CancelKey }

/** Asks for as much of the proof as the server tells, and sets the session up. */
const introduce = async (client: postgres.Sql, { settings, keepCommit }: SessionOptions): Promise<ProofRows> => {
  const setUp = setUpSession(settings, keepCommit)
  let rejection: unknown
  for (const proof of proofStatements) {
    try {
      const [rows] = (await client.unsafe(`${proof}; ${setUp}`).simple()) as unknown as [ProofRows]
      return rows
    } catch (error) {
      // What the server will not tell is asked for no more; anything else is no matter of the proof.
      if (!(error instanceof postgres.PostgresError) || !/^(42501|42883|0A000|55000)$/.test(error.code)) throw error
      rejection = error
    }
  }
  throw rejection
}

/**
 * Opens a session.
 * @throws the error of the network, of the driver or of PostgreSQL
 */
export const openSession = async (options: SessionOptions): Promise<Session> => {
  const { endpoint, host, target, timeoutMs } = options
  const reach = () => openSocket(endpoint, host, target.tls, timeoutMs)
  // The driver's errors name both.
  const socket = Object.assign(await reach(), 'path' in endpoint ? { host: endpoint.path, port: 0 } : endpoint)
  const closed = Promise.withResolvers<void>()
  let open = true
  let replicated = true
  const onNotice = ({ routine }: postgres.Notice): void => {
    // PostgreSQL reports the commit as done then, with this warning and nothing else.
    if (routine === 'SyncRepWaitForLSN') replicated = false
  }
  const client = createClient(socket, options, onNotice, () => drop())
  const drop = (): void => {
    open = false
    socket.destroy()
    // Rejects what the driver has not sent, and what it was given between an error of the socket and its close, which it forgets.
    client.end({ timeout: 0 }).catch(() => {})
    closed.resolve()
  }
  for (const event of ['error', 'end']) {
    socket.once(event, () => {
      open = false
    })
  }
  const late = setTimeout(
    () => socket.destroy(Object.assign(new Error('the server did not answer in time'), { code: 'CONNECT_TIMEOUT' })),
    timeoutMs,
  )
  try {
    const rows = await introduce(client, options)
    const proof = rows[0]
    if (proof === undefined) throw new Error('the server answered nothing')
    return {
      client,
      proof,
      connectionPid: rows.state.pid,
      isOpen: () => open,
      replicated: (response) => {
        if (!replicated) throw notReplicated()
        return response
      },
      closed: closed.promise,
      cancel: async () => requestCancel(await reach(), rows.state),
      finish: () => {
        client.end().catch(() => {})
      },
      drop,
    }
  } catch (error) {
    drop()
    throw error
  } finally {
    clearTimeout(late)
  }
}

/** How long one endpoint may take to connect. */
export const connectTimeout = ({ connectTimeoutMs }: DatabaseTarget): number =>
  Math.min(connectTimeoutMs || deadlines.connect, deadlines.connect)
