import type { Logger } from '@holdfast/server-kit'
import { type BatchedContext, createBatcher } from '../lib/batcher.js'
import { createConnections } from '../postgres/connections.js'
import { deadlines } from '../postgres/deadlines.js'
import type { Sessions } from '../postgres/sessions/sessions.js'
import { createCircuitBreaker } from './circuit-breaker.js'
import { type CountRequests, type CountRow, countRequests } from './sql/count-requests.js'

/** Requests of a client that are to be counted. */
interface RequestsToCount {
  readonly id: string
  readonly points: number
  readonly windowSeconds: number
}

/** The number of requests in the client's window, including these, and the time until the window ends. */
interface RequestCount {
  readonly requests: number
  readonly resetMs: number
}

export interface RequestCounts {
  /** Counts requests. Rejects immediately while the database is slow or unavailable, and otherwise within `timeoutMs`. */
  readonly count: (requests: RequestsToCount) => Promise<RequestCount>
  readonly stop: (timeoutMs: number) => Promise<void>
}

/** A slower database must not delay every request. */
const timeoutMs = 500
/** The pause between two probes of an unavailable database. */
const pauseMs = 200
/** Counts have connections of their own, because slow statements of items would delay them. */
const statementsMax = 2
/** More than the connections of a process, so that none is rejected here. */
const waitingMax = 20_000

const nothing: CountRequests = { ids: [], counts: [], windows: [] }

/** Adds up the requests of each id, because a statement can update a row only once. */
const sumById = (calls: readonly RequestsToCount[]): CountRequests => {
  const clients = [...Map.groupBy(calls, ({ id }) => id)]
  return {
    ids: clients.map(([id]) => id),
    counts: clients.map(([, requests]) => requests.reduce((sum, { points }) => sum + points, 0)),
    windows: clients.map(([, [first]]) => first?.windowSeconds ?? 0),
  }
}

/** Returns the count of each call. Several calls for one client count one after the other. */
const countsOfCalls = (calls: readonly RequestsToCount[], params: CountRequests, rows: readonly CountRow[]): RequestCount[] => {
  const sums = new Map(params.ids.map((id, index) => [id, params.counts[index] ?? 0]))
  const next = new Map(rows.map((row) => [row.id, { requests: row.requests - (sums.get(row.id) ?? 0), resetMs: row.reset_ms }]))
  return calls.map(({ id, points }) => {
    const count = next.get(id)
    if (count === undefined) throw new Error('the statement returned no row for a client')
    count.requests += points
    return { ...count }
  })
}

/**
 * Creates counters in the database, which all replicas share. Requests that arrive while a statement runs share the next statement. While
 * the database is slow or unavailable, only probes are sent.
 */
export const createRequestCounts = async (sessions: Sessions, logger: Logger): Promise<RequestCounts> => {
  const { send, end } = createConnections(sessions, statementsMax)
  const run = async (params: CountRequests): Promise<CountRow[]> => {
    const rows = await send<CountRow>('write', countRequests.text, countRequests.values(params), deadlines.query)
    if (rows === undefined) throw new Error('the database did not respond in time')
    return rows
  }
  const probe = () => Promise.all(Array.from({ length: statementsMax }, () => run(nothing)))
  // Opening a connection takes longer than the time limit of a count.
  await probe().catch((error) => logger.debug({ err: error }, 'could not open the connections that count requests; retrying'))

  const breaker = createCircuitBreaker({
    timeoutMs,
    probe,
    pauseMs,
    onOpen: (cause) => logger.warn({ err: cause }, 'the database does not count requests in time; this process counts in memory'),
    onClose: () => logger.info('the database counts requests again'),
  })
  const runBatched = createBatcher<BatchedContext, RequestsToCount, RequestCount>({
    run: async (calls) => {
      const requests = calls.map(({ input }) => input)
      const params = sumById(requests)
      return countsOfCalls(requests, params, await breaker.guard(() => run(params)))
    },
    isFault: () => false,
    rejection: (reason) => new Error(reason),
    statementsMax,
    callsMax: 1_000,
    bytesMax: Number.POSITIVE_INFINITY,
    waitingMax,
    minRemainingMs: 0,
  })

  return {
    count: (requests) => runBatched({ deadline: performance.now() + deadlines.request }, requests),
    stop: async (timeoutMs) => {
      breaker.stop()
      await end(timeoutMs)
    },
  }
}
