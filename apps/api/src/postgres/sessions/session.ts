import type { Socket } from 'node:net'
import postgres from 'postgres'
import type { DatabaseTarget, ServerEndpoint } from '../address/database-url.js'
import { deadlines } from '../deadlines.js'
import { type CancelKey, requestCancel } from './cancel-request.js'
import { openSocket } from './open-socket.js'
import { type ServerInfo, serverInfoQueries } from './server-info.js'
import { type SessionSettings, setUpSession } from './session-settings.js'

/** One connection to a server. It is never reconnected. */
export interface Session {
  readonly client: postgres.Sql
  readonly serverInfo: ServerInfo
  /** The process id that the server sent when the connection was opened. Behind a pooler it is not the backend's. */
  readonly connectionPid: number
  readonly isOpen: () => boolean
  /**
   * Returns `result`, unless a wait for a synchronous standby was canceled on this session, so that a commit may not be on the standby.
   * @throws an error that leaves the outcome unknown
   */
  readonly requireReplicated: <T>(result: T) => T
  /** Resolves when either side has closed the connection. */
  readonly closed: Promise<void>
  /** Asks the server to cancel the running statement. Resolves when the server has received the request. */
  readonly cancel: () => Promise<void>
  /** Executes an empty statement. */
  readonly ping: () => Promise<void>
  /** Handles a notice that the server sent on this connection. */
  readonly notice: (notice: { readonly routine?: string }) => void
  /** Removes the driver from the socket and returns it. The driver must be idle, and `client` must not be used any more. */
  readonly detachSocket: () => Socket
  /** Closes the connection once its statements have ended. */
  readonly close: () => void
  /** Waits up to `timeoutMs` for the running statements and closes the connection. */
  readonly finish: (timeoutMs: number) => Promise<void>
  /** Closes the connection at once. Its running statements fail. */
  readonly destroy: () => void
}

export interface SessionOptions {
  readonly target: DatabaseTarget
  readonly endpoint: ServerEndpoint
  /** The host name of the URL, which the certificate must have. `endpoint` has one of its IP addresses. */
  readonly host: string | undefined
  readonly settings: SessionSettings
  /** Whether `synchronous_commit` keeps the server's value. */
  readonly keepCommit: boolean
  /** Timeout of the socket, and again of the first statements. Milliseconds. */
  readonly timeoutMs: number
}

/** The error of a statement that the driver did not send before the session lost its socket. */
const notSent = () => Object.assign(new Error('the connection was lost before the statement was sent'), { code: 'NOT_CONNECTED' })

/** The error of a commit that may not survive a failover. Its code classifies it as `outcome_unknown`. */
const notReplicated = () => Object.assign(new Error('the wait for a synchronous standby was canceled'), { code: '40003' })

/** Creates the driver's client on one socket. The driver is kept from reconnecting. */
const createClient = (
  socket: Socket,
  { target }: SessionOptions,
  onNotice: (notice: postgres.Notice) => void,
  onClosed: () => void,
): postgres.Sql => {
  let used = false
  const options = {
    // Every option is set here, because the driver reads missing ones from environment variables.
    host: 'database',
    port: 5432,
    database: target.database,
    username: target.user,
    password: target.password,
    ssl: false,
    socket: () => {
      if (used) throw notSent()
      used = true
      return socket
    },
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: 0,
    // With `true`, the driver reads the types of arrays on each new connection, in a promise that it does not return. If the connection
    // is lost meanwhile, that promise rejects, nobody can catch it, and the process ends.
    fetch_types: false,
    onnotice: onNotice,
    onclose: onClosed,
    connection: target.startup,
  } satisfies postgres.Options<Record<string, never>> & { socket: () => Socket }
  return postgres(options)
}

type ServerInfoRows = postgres.RowList<(ServerInfo & postgres.Row)[]> & { readonly state: CancelKey }

/** Reads as much of the server's info as the role may read, and sets up the session. */
const initialize = async (client: postgres.Sql, { settings, keepCommit }: SessionOptions): Promise<ServerInfoRows> => {
  const setUp = setUpSession(settings, keepCommit)
  let lastError: unknown
  for (const query of serverInfoQueries) {
    try {
      const [rows] = (await client.unsafe(`${query}; ${setUp}`).simple()) as unknown as [ServerInfoRows]
      return rows
    } catch (error) {
      // Only missing rights or functions are a reason to try a smaller query.
      if (!(error instanceof postgres.PostgresError) || !/^(42501|42883|0A000|55000)$/.test(error.code)) throw error
      lastError = error
    }
  }
  throw lastError
}

/**
 * Opens a session.
 * @throws the error of the network, of the driver or of PostgreSQL
 */
export const openSession = async (options: SessionOptions): Promise<Session> => {
  const { endpoint, host, target, timeoutMs } = options
  const connect = () => openSocket(endpoint, host, target.tls, timeoutMs)
  // The driver's errors contain the host and port of the socket.
  const socket = Object.assign(await connect(), 'path' in endpoint ? { host: endpoint.path, port: 0 } : endpoint)
  const closed = Promise.withResolvers<void>()
  let open = true
  let replicated = true
  const onNotice = ({ routine }: { readonly routine?: string }): void => {
    // This warning is the only sign: PostgreSQL reports the commit as successful.
    if (routine === 'SyncRepWaitForLSN') replicated = false
  }
  const client = createClient(socket, options, onNotice, () => destroy())
  const destroy = (): void => {
    open = false
    socket.destroy()
    // Rejects the statements that the driver has not sent, including those that it received between the socket's error and its close,
    // which the driver would never settle.
    client.end({ timeout: 0 }).catch(() => {})
    closed.resolve()
  }
  for (const event of ['error', 'end']) {
    socket.once(event, () => {
      open = false
    })
  }
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error('the server did not respond in time'), { code: 'CONNECT_TIMEOUT' })),
    timeoutMs,
  )
  try {
    const rows = await initialize(client, options)
    const serverInfo = rows[0]
    if (serverInfo === undefined) throw new Error('the server returned no row')
    return {
      client,
      serverInfo,
      connectionPid: rows.state.pid,
      isOpen: () => open,
      requireReplicated: (result) => {
        if (!replicated) throw notReplicated()
        return result
      },
      closed: closed.promise,
      cancel: async () => requestCancel(await connect(), rows.state),
      ping: async () => void (await client.unsafe('select 1')),
      notice: onNotice,
      detachSocket: () => socket.removeAllListeners('data'),
      finish: (timeoutMs) => client.end({ timeout: timeoutMs / 1000 }),
      close: () => {
        client.end().catch(() => {})
      },
      destroy,
    }
  } catch (error) {
    destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** Returns how long a connection to one endpoint may take, in milliseconds. */
export const connectTimeout = ({ connectTimeoutMs }: DatabaseTarget): number =>
  Math.min(connectTimeoutMs || deadlines.connect, deadlines.connect)
