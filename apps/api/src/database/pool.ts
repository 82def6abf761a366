import type { Logger } from '@holdfast/service'
import { createConnections, type DatabaseAddress } from './connections.js'
import { deadlines } from './deadlines.js'
import { classifyFailure } from './failures.js'
import type { Statement } from './statement.js'

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

/** How long a statement that did not reach the server is tried again: long enough for a quick restart. */
const unreachableMs = 1_000
/** What must be left for another try after a conflict, so that the server gives a lock up before we give the answer up. */
const conflictRoomMs = deadlines.lock + 500
const connectionsMax = 10
const queriesInFlightMax = 2_000

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

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * The one owner of the connections. The driver leaves a query on a dead network pending for ever, so every query has
 * a deadline here, and one that passes it replaces all connections.
 */
export const createPool = (address: DatabaseAddress, logger: Logger): Pool => {
  const { send, end } = createConnections(address, connectionsMax, logger)
  let inFlight = 0

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
        if (rows !== undefined) return rows
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
        return (await send('select 1', [], timeoutMs)) !== undefined
      } catch {
        return false
      }
    },
    end,
  }
}
