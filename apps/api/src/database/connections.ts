import type { Logger } from '@holdfast/service'
import postgres from 'postgres'
import { deadlines } from './deadlines.js'
import { classifyFailure } from './failures.js'
import { quoteIdentifier } from './identifier.js'

/**
 * Where a database is: a URL, or the folder of the embedded server's socket with its password. `schema` is the one schema that
 * statements find tables in; without it they follow the role's `search_path`.
 */
export type DatabaseAddress = ({ readonly url: string } | { readonly socketFolder: string; readonly password: string }) & {
  readonly schema?: string
}

const driverOptions = {
  connect_timeout: deadlines.connect / 1000,
  idle_timeout: 0,
  // The driver would ask each new connection for the types of arrays, in a promise that it keeps to itself: where the connection
  // died meanwhile, that would be a rejection that nobody can catch, and the end of the process.
  fetch_types: false,
  max_lifetime: 60 * 30,
  backoff: (attempt: number) => Math.min(0.01 * 2 ** attempt, 0.5),
  onnotice: () => {},
  connection: {
    application_name: 'holdfast',
    TimeZone: 'UTC',
    DateStyle: 'ISO',
    statement_timeout: deadlines.statement,
    lock_timeout: deadlines.lock,
    idle_in_transaction_session_timeout: 5_000,
    // Every statement reaches items by an index. What the planner knows of a table that grows is old, and with it a batch
    // of a thousand keys looks like a reason to read the whole table.
    enable_seqscan: 'off',
    plan_cache_mode: 'force_generic_plan',
  },
} satisfies postgres.Options<Record<string, never>>

/** Opens a client of the driver with one connection; `overrides` replaces settings. */
export const connect = (address: DatabaseAddress, overrides: postgres.Options<Record<string, never>> = {}): postgres.Sql => {
  const options = { ...driverOptions, max: 1, ...overrides }
  if (address.schema !== undefined) options.connection = { ...options.connection, search_path: quoteIdentifier(address.schema) }
  return 'url' in address
    ? postgres(address.url, options)
    : postgres({
        ...options,
        path: `${address.socketFolder}/.s.PGSQL.5432`,
        database: 'postgres',
        username: 'holdfast',
        password: address.password,
      })
}

/** What another connection may take to answer. Milliseconds. */
const askMs = 1_000

interface Connection {
  readonly client: postgres.Sql
  inFlight: number
}

/** How far connections are used. */
export interface ConnectionUse {
  readonly max: number
  /** Those that wait for an answer. */
  readonly busy: number
  /** Those that were given up for new ones since the start. */
  readonly replaced: number
}

export interface Connections {
  /** Sends a prepared statement; undefined where no answer came in time, after which its connection is a new one, or all are where no other answers. */
  send<Row>(text: string, values: unknown[], timeoutMs: number): Promise<Row[] | undefined>
  use(): ConnectionUse
  /** Lets what runs finish, for `timeoutMs` at most, and closes. */
  end(timeoutMs: number): Promise<void>
}

/**
 * The rows of an answer. After a statement that failed halfway the driver (3.4) puts the rows of the connection's next one behind holes,
 * which `filter` skips.
 */
export const withoutHoles = <Row>(rows: Row[]): Row[] => (rows.length === 0 || 0 in rows ? rows : rows.filter(() => true))

/** What a promise resolves with, unless that takes longer than `timeoutMs`. */
export const withinTime = async <T>(query: Promise<T>, timeoutMs: number): Promise<T | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<undefined>((resolve) => {
    // A turn later, so that an answer which came while this process was busy is still read.
    timer = setTimeout(() => setImmediate(resolve, undefined), timeoutMs)
  })
  return await Promise.race([query, timeout]).finally(() => clearTimeout(timer))
}

/**
 * Connections that are opened as they are needed. The first one that is free is taken, so that a service with little to do uses
 * one that is warm: the driver's own pool takes turns, and PostgreSQL then wakes a cold process for each statement.
 */
export const createConnections = (address: DatabaseAddress, count: number, logger: Logger): Connections => {
  const open = (): Connection => ({ client: connect(address), inFlight: 0 })
  const connections = Array.from({ length: count }, open)
  let replaced = 0

  const freest = (): Connection => {
    let best = connections[0] as Connection
    for (const connection of connections) {
      if (connection.inFlight === 0) return connection
      if (connection.inFlight < best.inFlight) best = connection
    }
    return best
  }

  const close = ({ client }: Connection): void => {
    client.end({ timeout: deadlines.statement / 1000 }).catch((error) => logger.debug({ err: error }, 'an old connection ended badly'))
  }

  const replaceAll = (): void => {
    logger.warn('the database did not answer in time: its connections are replaced')
    replaced += count
    for (const connection of connections.splice(0, count, ...Array.from({ length: count }, open))) close(connection)
  }

  /** A connection that died fails the driver's next statements too, or leaves them waiting. */
  const replace = (dead: Connection): void => {
    const place = connections.indexOf(dead)
    if (place === -1) return
    connections[place] = open()
    replaced++
    close(dead)
  }

  let asking = false
  /** One slow statement is no reason to cut off all others: what a database in trouble is, another connection tells. */
  const askAnother = async (): Promise<void> => {
    if (asking) return
    asking = true
    const { client } = freest()
    const answers = await withinTime(client.unsafe('select 1') as unknown as Promise<unknown>, askMs).catch(() => 'refused')
    asking = false
    if (answers === undefined) replaceAll()
  }

  return {
    send: async <Row>(text: string, values: unknown[], timeoutMs: number) => {
      const connection = freest()
      connection.inFlight++
      try {
        const query = connection.client.unsafe(text, values as never[], { prepare: true }) as unknown as Promise<Row[]>
        const rows = await withinTime(query, timeoutMs)
        if (rows !== undefined) return withoutHoles(rows)
        replace(connection)
        askAnother()
        return undefined
      } catch (error) {
        if (classifyFailure(error) === 'lost') replace(connection)
        throw error
      } finally {
        connection.inFlight--
      }
    },
    use: () => ({ max: count, busy: connections.filter(({ inFlight }) => inFlight > 0).length, replaced }),
    end: async (timeoutMs) => {
      await Promise.all(connections.map(({ client }) => client.end({ timeout: timeoutMs / 1000 })))
    },
  }
}
