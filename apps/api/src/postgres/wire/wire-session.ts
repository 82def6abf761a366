import type { Session } from '../sessions/session.js'
import type { BinaryStatement } from './binary-statement.js'
import { createMessageReader } from './message-reader.js'
import { MessageWriter } from './message-writer.js'
import { RowReader } from './row-reader.js'
import { readFields, ServerError } from './server-message.js'

/** A statement that was sent and has no result yet. */
interface Query {
  readonly statement: BinaryStatement<never, unknown>
  /** Whether the server has still to confirm that it prepared the statement, which it does before it executes it. */
  preparing: boolean
  readonly rows: unknown[]
  error: unknown
  readonly resolve: (rows: never[]) => void
  readonly reject: (error: unknown) => void
}

/** A session whose socket carries binary statements only. */
export interface WireSession extends Session {
  /**
   * Executes a statement, which is prepared when it is used first. Statements may be sent before the results of earlier ones arrive.
   * @throws ServerError, or an error without a SQLSTATE if the connection is lost
   */
  readonly execute: <Params, Row>(statement: BinaryStatement<Params, Row>, params: Params) => Promise<Row[]>
}

const messageType = { parseComplete: 0x31, dataRow: 0x44, error: 0x45, notice: 0x4e, readyForQuery: 0x5a } as const

/**
 * Tells whether the server does not have a prepared statement, or not for the current columns of its tables. The statement was not executed.
 * Another session prepares it again.
 */
const isStale = (error: unknown): boolean =>
  error instanceof ServerError && (error.code === '26000' || (error.code === '0A000' && error.routine === 'RevalidateCachedQuery'))

const connectionLost = () => Object.assign(new Error('the connection was lost'), { code: 'CONNECTION_CLOSED' })

/**
 * Takes over the socket of a session from the driver, which has authenticated, set up and checked it. The session then speaks the extended
 * query protocol (PostgreSQL docs, section 54.2.3) with binary parameters and columns, which the driver does not support.
 */
export const toWireSession = (session: Session): WireSession => {
  const socket = session.detachSocket()
  const writer = new MessageWriter()
  const reader = new RowReader()
  const prepared = new Set<string>()
  const queries: Query[] = []
  const idle = new Set<() => void>()
  let lost = false

  const finishQuery = (): void => {
    const query = queries.shift()
    if (query === undefined) return
    if (query.error === undefined) query.resolve(query.rows as never[])
    else {
      if (query.preparing) prepared.delete(query.statement.name)
      if (isStale(query.error)) session.destroy()
      query.reject(query.error)
    }
    if (queries.length === 0) for (const resolve of idle) resolve()
  }

  const readRow = (query: Query, buffer: Buffer, start: number): void => {
    reader.open(buffer, start + 2)
    try {
      query.rows.push(query.statement.read(reader))
    } catch (error) {
      query.error ??= error
    }
  }

  const onMessage = createMessageReader((type, buffer, start, end) => {
    const [query] = queries
    if (type === messageType.dataRow) {
      if (query !== undefined) readRow(query, buffer, start)
    } else if (type === messageType.readyForQuery) finishQuery()
    else if (type === messageType.parseComplete) {
      if (query !== undefined) query.preparing = false
    } else if (type === messageType.error) {
      if (query !== undefined) query.error = new ServerError(readFields(buffer, start, end))
    } else if (type === messageType.notice) session.notice(readFields(buffer, start, end))
  })

  const rejectAll = (): void => {
    lost = true
    for (const { error, reject } of queries.splice(0)) reject(error ?? connectionLost())
    for (const resolve of idle) resolve()
  }

  socket.on('data', onMessage)
  socket.once('close', rejectAll)

  const whenIdle = (): Promise<void> => new Promise((resolve) => (lost || queries.length === 0 ? resolve() : idle.add(resolve)))

  const finish = async (): Promise<void> => {
    await whenIdle()
    writer.terminate()
    socket.end(writer.take())
  }

  const execute = <Params, Row>(statement: BinaryStatement<Params, Row>, params: Params): Promise<Row[]> =>
    new Promise((resolve, reject) => {
      if (lost || !socket.writable) {
        reject(Object.assign(new Error('the connection was lost before the statement was sent'), { code: 'NOT_CONNECTED' }))
        return
      }
      const preparing = !prepared.has(statement.name)
      try {
        if (preparing) writer.parse(statement.name, statement.text)
        writer.execute(statement.name, statement.parameters, () => statement.write(writer, params))
      } catch (error) {
        writer.reset()
        reject(error)
        return
      }
      prepared.add(statement.name)
      queries.push({ statement: statement as BinaryStatement<never, unknown>, preparing, rows: [], error: undefined, resolve, reject })
      socket.write(writer.take())
    })

  return {
    ...session,
    execute,
    ping: async () => void (await execute(pingStatement, {})),
    finish: async (timeoutMs) => {
      const timer = setTimeout(session.destroy, timeoutMs)
      await finish().finally(() => clearTimeout(timer))
    },
    close: () => void finish(),
  }
}

const pingStatement: BinaryStatement<object, void> = {
  kind: 'read',
  name: 'ping',
  text: 'select',
  parameters: 0,
  values: () => [],
  write: () => {},
  read: () => {},
}
