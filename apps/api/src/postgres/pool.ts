import type { Logger } from '@holdfast/server-kit'
import type { DatabaseAddress } from './address/database-address.js'
import { type Connections, createConnections } from './connections.js'
import { ConnectionsBusy, QueueFull, queueError } from './errors.js'
import { classifyFailure, type FailureClass } from './failure-class.js'
import type { Turn } from './fair-queue.js'
import { createLanes, type Lane, type LaneName, laneNames } from './lanes.js'
import { findTableProblems } from './migrations/table-check.js'
import { type Attempt, retryStatement, type StatementObserver } from './retry.js'
import { createSessions, type Sessions } from './sessions/sessions.js'
import type { ConnectionUse } from './slots.js'
import type { Statement } from './statement.js'
import { type BoundStatement, createTransactions, type TwoStepTransaction } from './transactions.js'
import type { BinaryStatement } from './wire/binary-statement.js'
import { createWireConnections } from './wire/wire-connections.js'

/**
 * Reads have connections of their own, because writes may wait for locks. Each kind of batched puts has two: updates, upserts of missing
 * rows, puts with a ttl, and creations.
 */
const connectionCounts = { reads: 2, writes: 6, binary_reads: 2, binary_writes: 8 } as const
/** The number of transactions that may run at once. Each has its own connection, so none waits behind the locks of another. */
export const transactionsMax = 4
const inFlightMax = 2_000

export interface PoolUse {
  /** Statements and transactions that have no result yet, including those that wait for a retry. */
  readonly inFlight: number
  readonly connections: Readonly<Record<LaneName | keyof typeof connectionCounts | 'transactions', ConnectionUse>>
  /** Statements that wait for their turn in a lane. */
  readonly waiting: Readonly<Record<LaneName, number>>
}

export interface Pool {
  /**
   * Runs a statement and returns its rows.
   * @param deadline when the request times out, on the clock of `performance.now()`
   * @param retryConflicts whether the statement is retried after a conflict with another transaction. Default: true
   * @throws DatabaseUnavailable, DatabaseOverloaded, DatabaseConflict, OutcomeUnknown, or PostgreSQL's error if it rejects the statement
   */
  run<Params, Row>(
    statement: Statement<Params, Row> | BinaryStatement<Params, Row>,
    params: Params,
    deadline: number,
    retryConflicts?: boolean,
  ): Promise<Row[]>
  /**
   * Runs a statement in a lane when its client's turn comes, and returns its rows.
   * @throws the errors of `run`
   */
  runInLane<Params, Row>(lane: LaneName, statement: Statement<Params, Row>, params: Params, turn: Turn): Promise<Row[]>
  /**
   * Runs a transaction. By default it is retried after conflicts. At most `transactionsMax` transactions run at once.
   * @throws the errors of `decide` and of `run`
   */
  transact<Reads extends readonly BoundStatement[], Result>(
    transaction: TwoStepTransaction<Reads, Result>,
    deadline: number,
    retryConflicts?: boolean,
  ): Promise<Result>
  /** Tells whether the database responds within `timeoutMs` and has all tables. */
  isAvailable(timeoutMs: number): Promise<boolean>
  use(): PoolUse
  /** Opens connections that do not belong to the pool. */
  readonly sessions: Sessions
  /** Waits up to `timeoutMs` for running statements and closes all connections. */
  end(timeoutMs: number): Promise<void>
}

/**
 * Creates the pool that owns the connections to the database. On a dead network the driver never settles a query. Every query therefore
 * has a timeout here, after which its connection is abandoned.
 */
export const createPool = (address: DatabaseAddress, logger: Logger, observe: StatementObserver = () => {}): Pool => {
  const sessions = createSessions(address, logger)
  const reads = createConnections(sessions, connectionCounts.reads)
  const writes = createConnections(sessions, connectionCounts.writes)
  const binaryReads = createWireConnections(sessions, connectionCounts.binary_reads)
  const binaryWrites = createWireConnections(sessions, connectionCounts.binary_writes)
  const transactions = createTransactions(sessions, transactionsMax, (error) => classifyFailure(error) === 'outcome_unknown')
  const lanes = createLanes((connections) => createConnections(sessions, connections), queueError)
  const mapLanes = <T>(map: (lane: Lane) => T) =>
    Object.fromEntries(laneNames.map((name) => [name, map(lanes[name])])) as Record<LaneName, T>
  let inFlight = 0
  let tableProblems = ''

  const runOnce = async <Params, Row>(
    { send }: Pick<Connections, 'send'>,
    statement: Statement<Params, Row> | BinaryStatement<Params, Row>,
    params: Params,
    timeoutMs: number,
  ): Promise<Attempt<Row[]>> => {
    let cause: unknown
    let failure: FailureClass = 'outcome_unknown'
    try {
      const rows =
        'read' in statement
          ? await (statement.kind === 'read' ? binaryReads : binaryWrites).send(statement, params, timeoutMs)
          : await send<Row>(statement.kind, statement.text, statement.values(params), timeoutMs)
      if (rows !== undefined) return { result: rows }
    } catch (error) {
      cause = error
      failure = classifyFailure(error)
    }
    // A read changes nothing, so it can always be retried.
    return { failure: failure === 'outcome_unknown' && statement.kind === 'read' ? 'not_applied' : failure, cause }
  }

  const transactOnce = async <Reads extends readonly BoundStatement[], Result>(
    transaction: TwoStepTransaction<Reads, Result>,
    timeoutMs: number,
  ): Promise<Attempt<Result>> => {
    const outcome = await transactions.run(transaction, timeoutMs)
    switch (outcome.kind) {
      case 'committed':
        return { result: outcome.result }
      case 'rejected':
        return { rejection: outcome.cause }
      case 'rolled_back':
        return { failure: classifyFailure(outcome.cause), cause: outcome.cause }
      case 'connection_lost':
        if (outcome.commitSent) return { failure: 'outcome_unknown', cause: outcome.cause }
        return { failure: outcome.cause instanceof ConnectionsBusy ? 'resources_exhausted' : 'not_applied', cause: outcome.cause }
    }
  }

  const limitInFlight = async <T>(run: () => Promise<T>): Promise<T> => {
    if (inFlight >= inFlightMax) throw new QueueFull()
    inFlight++
    try {
      return await run()
    } finally {
      inFlight--
    }
  }

  return {
    run: (statement, params, deadline, retryConflicts = true) =>
      limitInFlight(() =>
        retryStatement((timeoutMs) => runOnce(statement.kind === 'read' ? reads : writes, statement, params, timeoutMs), {
          kind: statement.kind,
          deadline,
          retryConflicts,
          observe,
        }),
      ),
    runInLane: (name, statement, params, turn) => {
      const { queue, connections } = lanes[name]
      const attempt = (timeoutMs: number) => runOnce(connections, statement, params, timeoutMs)
      return queue.run(turn, () =>
        retryStatement(attempt, { kind: statement.kind, deadline: turn.deadline, retryConflicts: true, observe }),
      )
    },
    transact: (transaction, deadline, retryConflicts = true) =>
      limitInFlight(() =>
        retryStatement((timeoutMs) => transactOnce(transaction, timeoutMs), {
          kind: 'transaction',
          deadline,
          retryConflicts,
          observe,
        }),
      ),
    isAvailable: async (timeoutMs) => {
      try {
        const rows = await reads.send<{ problem: string }>('read', findTableProblems.text, [], timeoutMs)
        if (rows === undefined) return false
        const problems = rows.map(({ problem }) => problem).join('; ')
        // Health checks may come several times a second, so the same problems are logged once.
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
        reads: reads.use(),
        writes: writes.use(),
        binary_reads: binaryReads.use(),
        binary_writes: binaryWrites.use(),
        transactions: transactions.use(),
        ...mapLanes(({ connections }) => connections.use()),
      },
      waiting: mapLanes(({ queue }) => queue.waiting()),
    }),
    sessions,
    end: async (timeoutMs) => {
      sessions.end()
      const all = [reads, writes, binaryReads, binaryWrites, transactions, ...laneNames.map((name) => lanes[name].connections)]
      await Promise.all(all.map((connections) => connections.end(timeoutMs)))
    },
  }
}
