import type postgres from 'postgres'
import { withTimeout } from '../lib/with-timeout.js'
import { compactRows, openedWithin } from './connections.js'
import { NotConnected } from './errors.js'
import type { Session } from './sessions/session.js'
import type { Sessions } from './sessions/sessions.js'
import { createSlots } from './slots.js'
import type { Statement } from './statement.js'

/** A statement with its parameters. */
export interface Sent<Row = unknown> {
  readonly text: string
  readonly values: unknown[]
  readonly row?: Row
}

export const toSend = <Params, Row>(statement: Statement<Params, Row>, params: Params): Sent<Row> => ({
  text: statement.text,
  values: statement.values(params),
})

/** A statement that answers `ours`: it does nothing, and says so, where it finds itself outside of this transaction. */
export interface Guarded {
  readonly transactionId: string
}

type Rows<Opening extends readonly Sent[]> = { [Place in keyof Opening]: Opening[Place] extends Sent<infer Row> ? Row[] : never }

interface Decision<Result> {
  /** The one statement that writes, if there is one. */
  readonly write: Sent<{ readonly ours: boolean }> | undefined
  readonly result: Result
}

/** A transaction of two round trips: what locks and reads, and what is made of that. */
export interface TwoSteps<Opening extends readonly Sent[], Result> {
  readonly opening: Opening
  /** What it throws ends the transaction without a trace. */
  readonly decide: (rows: Rows<Opening>, guard: Guarded) => Decision<Result>
}

/** How a transaction ended. */
export type Ended<Result> =
  | { readonly kind: 'committed'; readonly result: Result }
  /** By `decide`. */
  | { readonly kind: 'rejected'; readonly cause: unknown }
  /** By PostgreSQL, for what it is or because of others. */
  | { readonly kind: 'rolled back'; readonly cause: unknown }
  /** Its connection was lost: before the commit was sent, so that it was surely not applied, or after. */
  | Lost

interface Lost {
  readonly kind: 'lost'
  readonly commitSent: boolean
  readonly cause: unknown
}

const beginning: Sent = { text: 'begin', values: [] }
const identity: Sent<{ readonly id: string }> = { text: 'select pg_current_xact_id()::text as id', values: [] }
const committing: Sent = { text: 'commit', values: [] }
const rollingBack: Sent = { text: 'rollback', values: [] }
const timeIsOver = new Error('no answer in time')

/** Sends statements one after another without waiting between; rejects with the first failure, once all are answered. */
const sendAll = async (client: postgres.Sql, statements: readonly Sent[], timeoutMs: number): Promise<unknown[][]> => {
  const answers = statements.map(({ text, values }) => client.unsafe(text, values as never[], { prepare: true }))
  const settled = await withTimeout(Promise.allSettled(answers), timeoutMs)
  if (settled === undefined) throw timeIsOver
  return settled.map((response) => {
    if (response.status === 'rejected') throw response.reason
    return compactRows(response.value as unknown as unknown[])
  })
}

/**
 * Runs transactions on connections of their own, one at a time on each. While all `count` of them are used, one is not begun and counts as lost before
 * its commit.
 * @param isLost whether an error of the driver or of PostgreSQL leaves it open what became of the connection
 */
export const createTransactions = (sessions: Sessions, count: number, isLost: (error: unknown) => boolean) => {
  const slots = createSlots(sessions, count)

  const failed = (cause: unknown, commitSent: boolean): Ended<never> =>
    cause === timeIsOver || isLost(cause) ? { kind: 'lost', commitSent, cause } : { kind: 'rolled back', cause }

  const decideOn = async <Opening extends readonly Sent[], Result>(
    client: postgres.Sql,
    { opening, decide }: TwoSteps<Opening, Result>,
    timeoutMs: number,
  ): Promise<Ended<never> | { readonly kind: 'decided'; readonly decision: Decision<Result> }> => {
    let answers: unknown[][]
    try {
      answers = await sendAll(client, [beginning, identity, ...opening], timeoutMs)
    } catch (cause) {
      return failed(cause, false)
    }
    const [, ids, ...rows] = answers
    const [{ id: transactionId }] = ids as [{ id: string }]
    try {
      return { kind: 'decided', decision: decide(rows as Rows<Opening>, { transactionId }) }
    } catch (cause) {
      return { kind: 'rejected', cause }
    }
  }

  const write = async <Result>(
    session: Session,
    statement: Sent<{ readonly ours: boolean }>,
    result: Result,
    timeoutMs: number,
  ): Promise<Ended<Result>> => {
    try {
      const [rows] = session.replicated(await sendAll(session.client, [statement, committing], timeoutMs))
      const [row] = rows as [{ ours: boolean } | undefined]
      return row?.ours === true ? { kind: 'committed', result } : { kind: 'lost', commitSent: false, cause: undefined }
    } catch (cause) {
      return failed(cause, true)
    }
  }

  /** Ends what has not been ended; answers whether the connection can be used again. */
  const rollBack = (client: postgres.Sql, timeoutMs: number): Promise<boolean> =>
    sendAll(client, [rollingBack], timeoutMs).then(
      () => true,
      () => false,
    )

  /** Answers how the transaction ended, and whether its connection can be used again. */
  const runOn = async <Opening extends readonly Sent[], Result>(
    session: Session,
    steps: TwoSteps<Opening, Result>,
    timeoutMs: number,
  ): Promise<readonly [Ended<Result>, boolean]> => {
    const { client } = session
    const decided = await decideOn(client, steps, timeoutMs)
    if (decided.kind === 'lost') return [decided, false]
    if (decided.kind !== 'decided') return [decided, await rollBack(client, timeoutMs)]
    const { write: statement, result } = decided.decision
    if (statement === undefined) return [{ kind: 'committed', result }, await rollBack(client, timeoutMs)]
    const ended = await write(session, statement, result, timeoutMs)
    // A commit of a transaction that failed rolls it back.
    return [ended, ended.kind !== 'lost']
  }

  /** Takes a connection that nothing uses. */
  const take = async (timeoutMs: number) => {
    const slot = slots.freest()
    if (slot === undefined || slot.inFlight > 0) throw new NotConnected('no connection for a transaction is free')
    slot.inFlight++
    try {
      return { slot, session: await openedWithin(slots.sessionOf(slot), timeoutMs) }
    } catch (error) {
      slot.inFlight--
      throw error
    }
  }

  return {
    run: async <Opening extends readonly Sent[], Result>(steps: TwoSteps<Opening, Result>, timeoutMs: number): Promise<Ended<Result>> => {
      const taken = await take(timeoutMs).catch((cause): Lost => ({ kind: 'lost', commitSent: false, cause }))
      if ('kind' in taken) return taken
      const { slot, session } = taken
      const [ended, usable] = await runOn(session, steps, timeoutMs)
      if (!usable) slots.giveUp(slot, session, ended.kind !== 'lost' || ended.cause === timeIsOver)
      slot.inFlight--
      return ended
    },
    use: slots.use,
    end: slots.end,
  }
}
