import type { Logger } from '@holdfast/server-kit'
import type { DatabaseAddress } from './address/database-address.js'
import { type Connections, createConnections } from './connections.js'
import { deadlines } from './deadlines.js'
import { DatabaseConflict, DatabaseOverloaded, DatabaseUnavailable, OutcomeUnknown, QueueFull, queueError } from './errors.js'
import { classifyFailure, type FailureClass } from './failure-class.js'
import type { Turn } from './fair-queue.js'
import { createLanes, type Lane, type LaneParts, laneNames } from './lanes.js'
import { findTableProblems } from './migrations/table-check.js'
import { createSessions, type Sessions } from './sessions/sessions.js'
import type { ConnectionUse } from './slots.js'
import type { Statement } from './statement.js'
import { createTransactions, type Sent, type TwoSteps } from './transactions.js'

/** How long a statement that did not reach the server is tried again: long enough for a quick restart. */
const unreachableMs = 1_000
/** What must be left for another try after a conflict, so that the server gives a lock up before we give the answer up. */
const conflictMinRemainingMs = deadlines.lock + 500
const connectionsMax = 10
/** Transactions at once, each on a connection of its own, so that none waits for the locks of another one there. */
export const transactionsMax = 4
const queriesInFlightMax = 2_000

/** How one try ended. */
type Tried<T> = { readonly result: T } | { readonly rejection: unknown } | { readonly failure: FailureClass; readonly cause: unknown }

/** What goes to the database, by what it may do there. */
export type StatementKind = Statement<never, never>['kind'] | 'transaction'

/** Is told of each try of a statement or a transaction: when it started, as `performance.now()` counts, and how it failed, if it did. */
export type StatementObserver = (kind: StatementKind, started: number, failure: FailureClass | undefined) => void

/** How far the pool is used. */
export interface PoolUse {
  /** Statements and transactions that are not answered yet, those that wait to be tried again too. */
  readonly inFlight: number
  readonly connections: Readonly<Record<Lane | 'statements' | 'transactions', ConnectionUse>>
  /** Statements that wait for their turn in a lane. */
  readonly waiting: Readonly<Record<Lane, number>>
}

export interface Pool {
  /**
   * Runs a statement and answers its rows.
   * @param deadline when the request ends, as `performance.now()` counts
   * @param retryConflicts whether it is run again where others are in its way
   * @throws DatabaseUnavailable, DatabaseOverloaded, DatabaseConflict, OutcomeUnknown, or PostgreSQL's own error where the statement is at fault
   */
  run<Params, Row>(statement: Statement<Params, Row>, params: Params, deadline: number, retryConflicts?: boolean): Promise<Row[]>
  /**
   * Runs a statement in a lane when it is its client's turn, and answers its rows.
   * @throws as `run` does
   */
  runInLane<Params, Row>(lane: Lane, statement: Statement<Params, Row>, params: Params, turn: Turn): Promise<Row[]>
  /**
   * Runs a transaction, and runs it again where others are in its way. There may be `transactionsMax` at once.
   * @throws what its `decide` throws, and as `run` does
   */
  transact<Opening extends readonly Sent[], Result>(steps: TwoSteps<Opening, Result>, deadline: number): Promise<Result>
  /** Whether the database answers within `timeoutMs`, and has the tables. */
  isAvailable(timeoutMs: number): Promise<boolean>
  use(): PoolUse
  /** For connections beside those of the pool. */
  readonly sessions: Sessions
  /** Lets what runs finish, for `timeoutMs` at most, and closes the connections. */
  end(timeoutMs: number): Promise<void>
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * The one owner of the connections. The driver leaves a query on a dead network pending for ever, so every query has
 * a deadline here, and one that passes it gives its connection up.
 */
export const createPool = (address: DatabaseAddress, logger: Logger, observe: StatementObserver = () => {}): Pool => {
  const sessions = createSessions(address, logger)
  const statements = createConnections(sessions, connectionsMax)
  const transactions = createTransactions(sessions, transactionsMax, (error) => classifyFailure(error) === 'outcome_unknown')
  const lanes = createLanes((connections) => createConnections(sessions, connections), queueError)
  const ofLanes = <T>(tell: (lane: LaneParts) => T) =>
    Object.fromEntries(laneNames.map((name) => [name, tell(lanes[name])])) as Record<Lane, T>
  let inFlight = 0
  let tableProblems = ''

  /** Tries until it succeeds, or until trying makes no sense. */
  const attempt = async <T>(
    kind: StatementKind,
    tryOnce: (timeoutMs: number) => Promise<Tried<T>>,
    deadline: number,
    retryConflicts: boolean,
  ): Promise<T> => {
    const started = performance.now()
    for (let attempts = 0; ; attempts++) {
      const triedAt = performance.now()
      const tried = await tryOnce(Math.max(1, Math.min(deadlines.query, deadline - triedAt)))
      observe(kind, triedAt, 'failure' in tried ? tried.failure : undefined)
      if ('result' in tried) return tried.result
      if ('rejection' in tried) throw tried.rejection
      const { failure, cause } = tried
      if (failure === 'statement_error') throw cause
      if (failure === 'resources_exhausted') throw new DatabaseOverloaded('the database gave the statement up', { cause })
      if (failure === 'outcome_unknown') throw new OutcomeUnknown('the answer to a write was lost', { cause })
      if (failure === 'conflict' && !retryConflicts) throw new DatabaseConflict('others kept the rows locked', { cause })
      const now = performance.now()
      const pause = Math.min(10 * 2 ** attempts, 200) * (0.5 + Math.random())
      if (now + pause >= (failure === 'conflict' ? deadline - conflictMinRemainingMs : Math.min(deadline, started + unreachableMs))) {
        if (failure === 'conflict') throw new DatabaseConflict('others kept the rows locked', { cause })
        throw new DatabaseUnavailable('the database cannot be reached', { cause })
      }
      await wait(pause)
    }
  }

  const runOnce = async <Params, Row>(
    { send }: Pick<Connections, 'send'>,
    statement: Statement<Params, Row>,
    params: Params,
    timeoutMs: number,
  ): Promise<Tried<Row[]>> => {
    let cause: unknown
    let failure: FailureClass = 'outcome_unknown'
    try {
      const rows = await send<Row>(statement.text, statement.values(params), timeoutMs)
      if (rows !== undefined) return { result: rows }
    } catch (error) {
      cause = error
      failure = classifyFailure(error)
    }
    // A read that was lost changed nothing.
    return { failure: failure === 'outcome_unknown' && statement.kind === 'read' ? 'not_applied' : failure, cause }
  }

  const transactOnce = async <Opening extends readonly Sent[], Result>(
    steps: TwoSteps<Opening, Result>,
    timeoutMs: number,
  ): Promise<Tried<Result>> => {
    const ended = await transactions.run(steps, timeoutMs)
    switch (ended.kind) {
      case 'committed':
        return { result: ended.result }
      case 'rejected':
        return { rejection: ended.cause }
      case 'rolled back':
        return { failure: classifyFailure(ended.cause), cause: ended.cause }
      case 'lost':
        return { failure: ended.commitSent ? 'outcome_unknown' : 'not_applied', cause: ended.cause }
    }
  }

  const bounded = async <T>(run: () => Promise<T>): Promise<T> => {
    if (inFlight >= queriesInFlightMax) throw new QueueFull()
    inFlight++
    try {
      return await run()
    } finally {
      inFlight--
    }
  }

  return {
    run: (statement, params, deadline, retryConflicts = true) =>
      bounded(() => attempt(statement.kind, (timeoutMs) => runOnce(statements, statement, params, timeoutMs), deadline, retryConflicts)),
    runInLane: (name, statement, params, turn) => {
      const { queue, connections } = lanes[name]
      const run = (timeoutMs: number) => runOnce(connections, statement, params, timeoutMs)
      return queue.run(turn, () => attempt(statement.kind, run, turn.deadline, true))
    },
    transact: (steps, deadline) => bounded(() => attempt('transaction', (timeoutMs) => transactOnce(steps, timeoutMs), deadline, true)),
    isAvailable: async (timeoutMs) => {
      try {
        const rows = await statements.send<{ problem: string }>(findTableProblems.text, [], timeoutMs)
        if (rows === undefined) return false
        const problems = rows.map(({ problem }) => problem).join('; ')
        // Probes come several times a second.
        if (problems !== '' && problems !== tableProblems) logger.error({ problems }, 'the tables cannot be used')
        tableProblems = problems
        return problems === ''
      } catch {
        return false
      }
    },
    use: () => ({
      inFlight,
      connections: {
        statements: statements.use(),
        transactions: transactions.use(),
        ...ofLanes(({ connections }) => connections.use()),
      },
      waiting: ofLanes(({ queue }) => queue.waiting()),
    }),
    sessions,
    end: async (timeoutMs) => {
      sessions.end()
      const all = [statements, transactions, ...laneNames.map((name) => lanes[name].connections)]
      await Promise.all(all.map((connections) => connections.end(timeoutMs)))
    },
  }
}
