import type { Logger } from '@holdfast/server-kit'
import { type BatchedContext, createBatcher } from '../lib/batcher.js'
import { createConnections } from '../postgres/connections.js'
import { deadlines } from '../postgres/deadlines.js'
import type { Sessions } from '../postgres/sessions/sessions.js'
import { createCircuitBreaker } from './circuit-breaker.js'
import { type CountRequests, type CountRow, countRequests } from './sql/count-requests.js'

/** Requests of a client, to be counted in a window of so many seconds. */
interface RequestsToCount {
  readonly id: string
  readonly points: number
  readonly windowSeconds: number
}

/** How many requests the client's window has with these, and the milliseconds until it ends. */
interface RequestCount {
  readonly requests: number
  readonly resetMs: number
}

export interface RequestCounts {
  /** Counts requests; rejects at once while the database does not count, and within `patienceMs` when it begins not to. */
  readonly count: (requests: RequestsToCount) => Promise<RequestCount>
  readonly stop: (timeoutMs: number) => Promise<void>
}

/** From here on the database is too slow to be asked before each request. */
const patienceMs = 500
/** Between looks at whether a database that is gone is back. */
const pauseMs = 200
/** Two statements at a time, on connections of their own: behind slow statements of the store a count would come too late. */
const statementsMax = 2
/** More than a service has connections, so that none is turned away here. */
const waitingMax = 20_000

const nothing: CountRequests = { ids: [], counts: [], windows: [] }

/** The requests of each id added up, because a statement can touch a row once. */
const addedUp = (calls: readonly RequestsToCount[]): CountRequests => {
  const clients = [...Map.groupBy(calls, ({ id }) => id)]
  return {
    ids: clients.map(([id]) => id),
    counts: clients.map(([, requests]) => requests.reduce((sum, { points }) => sum + points, 0)),
    windows: clients.map(([, [first]]) => first?.windowSeconds ?? 0),
  }
}

/** The sums of the statement told apart again: of several calls for a client each has its own place in the count. */
const inTurn = (calls: readonly RequestsToCount[], params: CountRequests, rows: readonly CountRow[]): RequestCount[] => {
  const added = new Map(params.ids.map((id, index) => [id, params.counts[index] ?? 0]))
  const next = new Map(rows.map((row) => [row.id, { requests: row.requests - (added.get(row.id) ?? 0), resetMs: row.reset_ms }]))
  return calls.map(({ id, points }) => {
    const count = next.get(id)
    if (count === undefined) throw new Error('a statement answered no row for one of its requests')
    count.requests += points
    return { ...count }
  })
}

/**
 * Counts requests in the database, where all replicas count, so that each has a place of its own in its window. Requests that wait
 * share a statement. While the database is slow or gone nothing is sent but a probe.
 */
export const createRequestCounts = async (sessions: Sessions, logger: Logger): Promise<RequestCounts> => {
  const { send, end } = createConnections(sessions, statementsMax)
  const run = async (params: CountRequests): Promise<CountRow[]> => {
    const rows = await send<CountRow>(countRequests.text, countRequests.values(params), deadlines.query)
    if (rows === undefined) throw new Error('the database did not answer')
    return rows
  }
  const probe = () => Promise.all(Array.from({ length: statementsMax }, () => run(nothing)))
  // A first connection takes longer than a count may.
  await probe().catch((error) => logger.debug({ err: error }, 'the connections for counts are not there yet'))

  const breaker = createCircuitBreaker({
    patienceMs,
    probe,
    pauseMs,
    onOpen: (cause) => logger.warn({ err: cause }, 'the database does not count requests in time: this service counts by itself'),
    onClose: () => logger.info('requests are counted in the database again'),
  })
  const runBatched = createBatcher<BatchedContext, RequestsToCount, RequestCount>({
    run: async (calls) => {
      const requests = calls.map(({ input }) => input)
      const params = addedUp(requests)
      return inTurn(requests, params, await breaker.guard(() => run(params)))
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
