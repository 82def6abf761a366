import type { Logger } from '@holdfast/service'
import postgres from 'postgres'
import { classifyFailure } from './failures.js'
import type { Statement } from './statement.js'

/** Where a database is: an URL, or the folder of the embedded server's socket with its password. */
export type DatabaseAddress = { readonly url: string } | { readonly socketFolder: string; readonly password: string }

/** A statement surely had no effect, and there is no sense in trying on. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable'
}
/** A statement surely had no effect, because too much was waiting or its time ran out. */
export class DatabaseOverloaded extends Error {
  override readonly name: string = 'DatabaseOverloaded'
}
/** A statement surely had no effect, because another one was in its way: a lock that it waited for too long, a deadlock. */
export class DatabaseConflict extends DatabaseOverloaded {}
/** A write was sent, and its commit may or may not have happened. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown'
}

/** Milliseconds. Each is shorter than the next that waits for it: a statement < its query < the request. */
export const deadlines = { connect: 3_000, lock: 2_000, statement: 5_000, query: 7_000, request: 10_000 } as const

/** How long a statement that did not reach the server is tried again: long enough for a quick restart. */
const unreachableMs = 1_000
/** What must be left for another try after a conflict, so that the server gives a lock up before we give the answer up. */
const conflictRoomMs = deadlines.lock + 500
const connections = 10
const queriesInFlightMax = 2_000

const driverOptions = {
  max: connections,
  connect_timeout: deadlines.connect / 1000,
  idle_timeout: 0,
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

/** Opens a client of the driver; `overrides` replaces settings of the pool. */
export const connect = (address: DatabaseAddress, overrides: postgres.Options<Record<string, never>> = {}): postgres.Sql =>
  'url' in address
    ? postgres(address.url, { ...driverOptions, ...overrides })
    : postgres({
        ...driverOptions,
        ...overrides,
        path: `${address.socketFolder}/.s.PGSQL.5432`,
        database: 'postgres',
        username: 'holdfast',
        password: address.password,
      })

export interface Pool {
  /**
   * Runs a statement and answers its rows.
   * @param deadline when the request ends, as `performance.now()` counts
   * @param retryConflicts whether it is run again where others are in its way
   * @throws DatabaseUnavailable, DatabaseOverloaded, DatabaseConflict, OutcomeUnknown, or PostgreSQL's own error where the statement is at fault
   */
  run<Params, Row>(statement: Statement<Params, Row>, params: Params, deadline: number, retryConflicts?: boolean): Promise<Row[]>
  /** Whether the database answers within `timeoutMs`. */
  answers(timeoutMs: number): Promise<boolean>
  /** Lets what runs finish, for `timeoutMs` at most, and closes the connections. */
  end(timeoutMs: number): Promise<void>
}

const deadlinePassed = Symbol('deadlinePassed')

const before = async <T>(query: Promise<T>, timeoutMs: number): Promise<T | typeof deadlinePassed> => {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<typeof deadlinePassed>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, deadlinePassed)
  })
  return await Promise.race([query, timeout]).finally(() => clearTimeout(timer))
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * The one owner of the connections. The driver leaves a query on a dead network pending for ever, so every query has
 * a deadline here, and one that passes it replaces all connections.
 */
export const createPool = (address: DatabaseAddress, logger: Logger): Pool => {
  let client = connect(address)
  let inFlight = 0

  const replace = (stuck: postgres.Sql) => {
    if (stuck !== client) return
    logger.warn('the database did not answer in time: its connections are replaced')
    client = connect(address)
    stuck.end({ timeout: deadlines.statement / 1000 }).catch((error) => logger.debug({ err: error }, 'old connections ended badly'))
  }

  const send = async <Row>(text: string, values: unknown[], timeoutMs: number): Promise<Row[] | typeof deadlinePassed> => {
    const used = client
    const rows = await before(used.unsafe(text, values as never[], { prepare: true }) as unknown as Promise<Row[]>, timeoutMs)
    if (rows === deadlinePassed) replace(used)
    return rows
  }

  const attempt = async <Params, Row>(
    statement: Statement<Params, Row>,
    params: Params,
    deadline: number,
    retryConflicts: boolean,
  ): Promise<Row[]> => {
    const started = performance.now()
    for (let attempts = 0; ; attempts++) {
      const left = Math.min(deadlines.query, deadline - performance.now())
      let cause: unknown
      let failure: ReturnType<typeof classifyFailure> = 'lost'
      try {
        const rows = await send<Row>(statement.text, statement.values(params), Math.max(left, 1))
        if (rows !== deadlinePassed) return rows
      } catch (error) {
        cause = error
        failure = classifyFailure(error)
      }
      if (failure === 'fault') throw cause
      if (failure === 'given_up') throw new DatabaseOverloaded('the database gave the statement up', { cause })
      if (failure === 'lost' && statement.kind === 'write') throw new OutcomeUnknown('the answer to a write was lost', { cause })
      if (failure === 'conflict' && !retryConflicts) throw new DatabaseConflict('others kept the rows locked', { cause })
      const now = performance.now()
      const pause = Math.min(10 * 2 ** attempts, 200) * (0.5 + Math.random())
      if (now + pause >= (failure === 'conflict' ? deadline - conflictRoomMs : Math.min(deadline, started + unreachableMs))) {
        if (failure === 'conflict') throw new DatabaseConflict('others kept the rows locked', { cause })
        throw new DatabaseUnavailable('the database cannot be reached', { cause })
      }
      await wait(pause)
    }
  }

  return {
    run: async (statement, params, deadline, retryConflicts = true) => {
      if (inFlight >= queriesInFlightMax) throw new DatabaseOverloaded('too many statements are waiting')
      inFlight++
      try {
        return await attempt(statement, params, deadline, retryConflicts)
      } finally {
        inFlight--
      }
    },
    answers: async (timeoutMs) => {
      try {
        return (await send('select 1', [], timeoutMs)) !== deadlinePassed
      } catch {
        return false
      }
    },
    end: (timeoutMs) => client.end({ timeout: timeoutMs / 1000 }),
  }
}
