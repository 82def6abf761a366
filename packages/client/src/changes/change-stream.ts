import { endpoints } from '@holdfast/contracts/endpoints'
import type { AttemptRequest } from '../attempt.js'
import { checked, notify, seconds } from '../call.js'
import { ConnectionError, type HoldfastError, TimeoutError, UnexpectedResponseError } from '../errors.js'
import { isFailure } from '../failure.js'
import { camelCased } from '../names.js'
import type { ClientOptions } from '../options.js'
import { parseJson } from '../parse-json.js'
import { queryString, routePath } from '../path.js'
import { reconnectWaitMs } from '../retry-wait.js'
import type { Transport } from '../transport.js'
import { wait } from '../wait.js'
import type { WatchEvent } from './change-events.js'
import type { Selection } from './change-filter.js'
import { createEventStreamParser, type StreamMessage } from './event-stream-parser.js'
import { type OpenStream, openStream, type StreamTerms } from './open-stream.js'

/** The connection of a client to its service. */
export interface Connection {
  readonly transport: Transport
  readonly client: ClientOptions
}

/** A checked request for a stream. */
export interface StreamRequest extends StreamTerms {
  /** The method and its key, for messages. */
  readonly what: string
  readonly selection: Selection
  readonly snapshot: boolean
  readonly values: boolean
  readonly cursor: string | undefined
  /** Ends the stream without an error. */
  readonly closing: AbortSignal
}

/** Learns of the connections of a stream. */
export interface StreamObserver {
  /** @param sentAt when the request was sent, of `Date.now()` */
  readonly connected?: (headers: Headers, sentAt: number) => void
  readonly received?: () => void
  readonly disconnected?: () => void
}

/** Longer URLs are rejected by some proxies. */
const queryMax = 4_000
const keysInQueryMax = 100
/** The wait before a reconnect until the service has sent one. */
const firstRetryMs = 1_000
/** A connection that lasted for this time was a success, even if nothing happened in it. */
const successMs = 5_000

/** Returns the request of a stream. It is a POST if the selection does not fit into a query. */
const httpRequest = ({ selection, snapshot, values, cursor }: StreamRequest, { namespace }: Transport): AttemptRequest => {
  const headers = { accept: 'text/event-stream' }
  const query = queryString({ ...selection, snapshot: snapshot || undefined, values: values ? undefined : false, cursor })
  const path = routePath(endpoints.watch, {}, namespace)
  if (query.length <= queryMax && selection.key.length <= keysInQueryMax)
    return { method: 'get', path: path + query, headers, body: undefined }
  const body = JSON.stringify({ keys: selection.key, prefixes: selection.prefix, snapshot, values, cursor })
  return { method: 'post', path, headers: { ...headers, 'content-type': 'application/json' }, body }
}

const eventTypes = new Set(['put', 'delete', 'expire', 'ready', 'reset'])

/** @throws UnexpectedResponseError */
const parseData = (call: string, type: string, data: string): object => {
  let parsed: unknown
  try {
    parsed = parseJson(data)
  } catch (error) {
    if (error instanceof RangeError) throw error
  }
  if (typeof parsed === 'object' && parsed !== null) return camelCased(parsed)
  throw new UnexpectedResponseError(`${call}: the data of an event "${type}" is not a JSON object`, {
    code: 'unexpected_response',
    attempts: 1,
  })
}

/** Follows the position of a stream over its connections. */
const createPosition = ({ call, snapshot, cursor: first }: StreamRequest) => {
  let cursor = first
  /** Whether events of a snapshot were returned that is not complete. */
  let isPartial = false
  return {
    cursor: () => cursor,
    /** Returns the event of a message, if it is one. */
    take: ({ id, type, data }: StreamMessage): WatchEvent | undefined => {
      // A snapshot follows. It has no positions, so that a broken one starts again.
      if (type === 'reset' && snapshot) cursor = undefined
      else if (id !== undefined) cursor = id || undefined
      if (data === undefined || !eventTypes.has(type)) return undefined
      isPartial = cursor === undefined && type !== 'reset'
      return { type, cursor, ...parseData(call, type, data) } as WatchEvent
    },
    /** Returns the event that discards a partial snapshot, if there is one. */
    restart: (): WatchEvent | undefined => {
      if (!isPartial || cursor !== undefined) return undefined
      isPartial = false
      return { type: 'reset', cursor, reason: 'reconnected' }
    },
  }
}

/**
 * Reads the events of a stream and opens it again when it breaks, from its position. Each change comes once, in order, because the
 * service continues exactly after a cursor.
 * @throws HoldfastError if no reconnect can help, or the reason of an aborted signal
 */
async function* readStream(request: StreamRequest, { transport, client }: Connection, observer: StreamObserver) {
  const { what, signals } = request
  const position = createPosition(request)
  let retryMs = firstRetryMs
  /** The number of connections in a row that made no progress. */
  let failures = 0

  const pause = (error: HoldfastError, hasEnded: boolean, requestedWaitMs?: number): Promise<void> => {
    const waitMs = reconnectWaitMs(failures, { hasEnded, retryMs, requestedWaitMs }, Math.random)
    notify(client, { operation: what, attempt: ++failures, wait: waitMs, error })
    return wait(waitMs, signals)
  }

  async function* readConnection(stream: OpenStream): AsyncGenerator<WatchEvent, void, undefined> {
    const parser = createEventStreamParser()
    const restart = position.restart()
    if (restart !== undefined) yield restart
    for (;;) {
      const messages = parser.push(await stream.read())
      observer.received?.()
      retryMs = parser.retryMs() ?? retryMs
      for (const message of messages) {
        const event = position.take(message)
        if (position.cursor() !== undefined) failures = 0
        if (event !== undefined) yield event
        for (const signal of signals) signal?.throwIfAborted()
      }
    }
  }

  for (;;) {
    const sentAt = Date.now()
    const sent = checked(what, () => httpRequest({ ...request, cursor: position.cursor() }, transport))
    const stream = await openStream(transport, sent, request, failures + 1)
    if (isFailure(stream)) {
      const { requestedWaitMs } = stream
      if (!stream.retryable) throw stream.error(seconds(requestedWaitMs))
      await pause(stream.error(seconds(requestedWaitMs)), false, requestedWaitMs)
      continue
    }
    const openedAt = performance.now()
    observer.connected?.(stream.headers, sentAt)
    try {
      yield* readConnection(stream)
    } catch (error) {
      if (!(error instanceof ConnectionError || error instanceof TimeoutError)) throw error
      if (performance.now() - openedAt >= successMs) failures = 0
      observer.disconnected?.()
      await pause(error, stream.hasEnded())
    } finally {
      stream.close()
    }
  }
}

/** Reads the events of a stream as {@link readStream} does, until it is closed. */
export async function* changeStream(
  request: StreamRequest,
  connection: Connection,
  observer: StreamObserver = {},
): AsyncGenerator<WatchEvent, void, undefined> {
  try {
    yield* readStream(request, connection, observer)
  } catch (error) {
    if (!request.closing.aborted) throw error
  }
}
