import type postgres from 'postgres'
import { withTimeout } from '../lib/with-timeout.js'
import { compactRows } from './connections.js'
import { ConnectionsBusy } from './errors.js'
import { awaitSession } from './session-pool.js'
import type { Session } from './sessions/session.js'
import type { Sessions } from './sessions/sessions.js'
import { createSlots } from './slots.js'
import type { Statement } from './statement.js'

/** A statement with the values of its parameters. */
export interface BoundStatement<Row = unknown> {
  readonly text: string
  readonly values: unknown[]
  readonly row?: Row
}

export const bind = <Params, Row>(statement: Statement<Params, Row>, params: Params): BoundStatement<Row> => ({
  text: statement.text,
  values: statement.values(params),
})

/** A parameter of the writing statement: it must change nothing and return `ours` = false if it runs in another transaction. */
export interface TransactionGuard {
  readonly transactionId: string
}

type WriteStatement = BoundStatement<{ readonly ours: boolean }>

type RowsOf<Reads extends readonly BoundStatement[]> = {
  [Index in keyof Reads]: Reads[Index] extends BoundStatement<infer Row> ? Row[] : never
}

interface Decision<Result> {
  /** The statement that writes. If it is undefined, the transaction is rolled back. */
  readonly write: WriteStatement | undefined
  readonly result: Result
}

/** A transaction of two round trips: the first one locks and reads, the second one writes and commits. */
export interface TwoStepTransaction<Reads extends readonly BoundStatement[], Result> {
  readonly reads: Reads
  /** Decides from the rows what to write. If it throws, the transaction is rolled back. */
  readonly decide: (rows: RowsOf<Reads>, guard: TransactionGuard) => Decision<Result>
}

export type TransactionOutcome<Result> =
  | { readonly kind: 'committed'; readonly result: Result }
  /** `decide` threw the cause. */
  | { readonly kind: 'rejected'; readonly cause: unknown }
  /** PostgreSQL rolled the transaction back. */
  | { readonly kind: 'rolled_back'; readonly cause: unknown }
  | ConnectionLost

/** The connection was lost. If the commit had not been sent, the transaction had no effect. */
interface ConnectionLost {
  readonly kind: 'connection_lost'
  readonly commitSent: boolean
  readonly cause: unknown
}

const begin: BoundStatement = { text: 'begin', values: [] }
const readTransactionId: BoundStatement<{ readonly id: string }> = { text: 'select pg_current_xact_id()::text as id', values: [] }
const commit: BoundStatement = { text: 'commit', values: [] }
const rollback: BoundStatement = { text: 'rollback', values: [] }
const timeoutError = new Error('no response in time')

/**
 * Pipelines statements: sends all of them without waiting between them.
 * @throws the first error, once all statements have a response, or `timeoutError`
 */
const sendAll = async (client: postgres.Sql, statements: readonly BoundStatement[], timeoutMs: number): Promise<unknown[][]> => {
  const queries = statements.map(({ text, values }) => client.unsafe(text, values as never[], { prepare: true }))
  const settled = await withTimeout(Promise.allSettled(queries), timeoutMs)
  if (settled === undefined) throw timeoutError
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return compactRows(result.value as unknown as unknown[])
  })
}

/**
 * Runs up to `count` transactions at once, each on its own connection. If no connection becomes free in time, a transaction is not begun and
 * ends as `connection_lost` before its commit.
 * @param isLost tells whether the state of the connection is unknown after an error of the driver or of PostgreSQL
 */
export const createTransactions = (sessions: Sessions, count: number, isLost: (error: unknown) => boolean) => {
  const slots = createSlots(sessions, count, () => sessions.open())

  const failed = (cause: unknown, commitSent: boolean): TransactionOutcome<never> =>
    cause === timeoutError || isLost(cause) ? { kind: 'connection_lost', commitSent, cause } : { kind: 'rolled_back', cause }

  const readAndDecide = async <Reads extends readonly BoundStatement[], Result>(
    client: postgres.Sql,
    { reads, decide }: TwoStepTransaction<Reads, Result>,
    timeoutMs: number,
  ): Promise<TransactionOutcome<never> | { readonly kind: 'decided'; readonly decision: Decision<Result> }> => {
    let results: unknown[][]
    try {
      results = await sendAll(client, [begin, readTransactionId, ...reads], timeoutMs)
    } catch (cause) {
      return failed(cause, false)
    }
    const [, ids, ...rows] = results
    const [{ id: transactionId }] = ids as [{ id: string }]
    try {
      return { kind: 'decided', decision: decide(rows as RowsOf<Reads>, { transactionId }) }
    } catch (cause) {
      return { kind: 'rejected', cause }
    }
  }

  const writeAndCommit = async <Result>(
    session: Session,
    statement: WriteStatement,
    result: Result,
    timeoutMs: number,
  ): Promise<TransactionOutcome<Result>> => {
    try {
      const [rows] = session.requireReplicated(await sendAll(session.client, [statement, commit], timeoutMs))
      const [row] = rows as [{ ours: boolean } | undefined]
      return row?.ours === true ? { kind: 'committed', result } : { kind: 'connection_lost', commitSent: false, cause: undefined }
    } catch (cause) {
      return failed(cause, true)
    }
  }

  /** Rolls back. Resolves with whether the connection can be used again. */
  const rollBack = (client: postgres.Sql, timeoutMs: number): Promise<boolean> =>
    sendAll(client, [rollback], timeoutMs).then(
      () => true,
      () => false,
    )

  /** Runs a transaction. Resolves with its outcome and whether the connection can be used again. */
  const runOn = async <Reads extends readonly BoundStatement[], Result>(
    session: Session,
    transaction: TwoStepTransaction<Reads, Result>,
    timeoutMs: number,
  ): Promise<readonly [outcome: TransactionOutcome<Result>, reusable: boolean]> => {
    const { client } = session
    const decided = await readAndDecide(client, transaction, timeoutMs)
    if (decided.kind === 'connection_lost') return [decided, false]
    if (decided.kind !== 'decided') return [decided, await rollBack(client, timeoutMs)]
    const { write, result } = decided.decision
    if (write === undefined) return [{ kind: 'committed', result }, await rollBack(client, timeoutMs)]
    const outcome = await writeAndCommit(session, write, result, timeoutMs)
    // PostgreSQL ends a failed transaction at COMMIT, so it needs no ROLLBACK.
    return [outcome, outcome.kind !== 'connection_lost']
  }

  /** Reserves an idle connection, and waits for one if necessary. */
  const acquire = async (timeoutMs: number) => {
    const slot = await slots.reserve(timeoutMs)
    if (slot === undefined) throw new ConnectionsBusy()
    try {
      return { slot, session: await awaitSession(slots.sessionOf(slot), timeoutMs) }
    } catch (error) {
      slots.release(slot)
      throw error
    }
  }

  return {
    run: async <Reads extends readonly BoundStatement[], Result>(
      transaction: TwoStepTransaction<Reads, Result>,
      timeoutMs: number,
    ): Promise<TransactionOutcome<Result>> => {
      const started = performance.now()
      const acquired = await acquire(timeoutMs).catch((cause): ConnectionLost => ({ kind: 'connection_lost', commitSent: false, cause }))
      if ('kind' in acquired) return acquired
      const { slot, session } = acquired
      const remainingMs = Math.max(1, timeoutMs - (performance.now() - started))
      const [outcome, reusable] = await runOn(session, transaction, remainingMs)
      if (!reusable) slots.abandon(slot, session, outcome.kind !== 'connection_lost' || outcome.cause === timeoutError)
      slots.release(slot)
      return outcome
    },
    use: slots.use,
    end: slots.end,
  }
}
