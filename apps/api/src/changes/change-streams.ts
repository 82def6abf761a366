import type { EventSink } from '@holdfast/contracts'
import type { Logger } from '@holdfast/server-kit'
import { ApiError } from '../http/api-error.js'
import { withTimeout } from '../lib/with-timeout.js'
import { DatabaseUnavailable } from '../postgres/errors.js'
import type { Sessions } from '../postgres/sessions/sessions.js'
import type { Change } from './change.js'
import { type ChangeReader, createChangeReader } from './change-reader.js'
import { type ChangeStream, type StreamOptions, startChangeStream } from './change-stream.js'
import { type ChangeTail, startChangeTail } from './change-tail.js'
import { parseCursor } from './cursor.js'
import type { ResetReason } from './event-frames.js'
import { createHeartbeats } from './heartbeats.js'
import { createRecentChanges } from './recent-changes.js'
import { createStreamIndex } from './stream-index.js'

export interface ChangeStreamsOptions {
  readonly streamsMax: number
  readonly pollMs: number
  readonly heartbeatMs: number
  readonly recentBytesMax: number
}

/** A request for a stream. */
interface StreamRequest extends Omit<StreamOptions, 'cursor'> {
  /** The text of a cursor. */
  readonly cursor: string | undefined
  /** The API key, if callers need one. It may open a tenth of the streams. */
  readonly keyId: string | undefined
  /** Tells whether the caller may still read. Asked with each heartbeat. */
  readonly isAllowed: () => Promise<boolean>
}

/** What metrics show. */
export interface StreamUse {
  readonly streams: number
  /** Streams that do not have everything that the tail has delivered. */
  readonly behind: number
  readonly resets: ReadonlyMap<ResetReason, number>
  readonly changes: number
  /** How long a transaction has kept the tail from the end of the log. Milliseconds. */
  readonly lagMs: number
}

/** The streams of a process, and the reader of the change log that they share. */
export interface ChangeStreams {
  readonly reader: ChangeReader
  readonly tail: ChangeTail
  /**
   * Waits until the tail has reached the current end of the log, at most a second. It waits longer for a transaction that is still open.
   * @throws DatabaseUnavailable
   */
  catchUp(): Promise<void>
  /**
   * Prepares a stream. The returned function starts it.
   * @throws ApiError too_many_streams, DatabaseUnavailable
   */
  open(request: StreamRequest): Promise<(sink: EventSink) => void>
  use(): StreamUse
  /** Ends all streams and stops reading the log. */
  stop(): Promise<void>
}

/** How long a request waits until the tail has reached the end of the log. Milliseconds. */
const catchUpMs = 1_000
/** The pause of the tail while there are no streams. Milliseconds. */
const idlePollMs = 250

/** Creates the streams of a process. */
export const createChangeStreams = (sessions: Sessions, options: ChangeStreamsOptions, logger: Logger): ChangeStreams => {
  const { streamsMax, pollMs, heartbeatMs, recentBytesMax } = options
  const tailReader = createChangeReader(sessions)
  const reader = createChangeReader(sessions)
  const recent = createRecentChanges(recentBytesMax)
  const index = createStreamIndex<ChangeStream>()
  const streams = new Set<ChangeStream>()
  const opened = new Map<string | undefined, number>()
  const resets = new Map<ResetReason, number>()
  let changes = 0
  let isStopped = false

  const resetAll = (reason: ResetReason): void => {
    for (const stream of streams) stream.reset(reason)
  }

  const deliver = (change: Change): void => {
    recent.add(change)
    changes++
    if (change.kind === 'truncate') resetAll('items_truncated')
    else index.visit(change, (stream) => stream.deliver(change))
  }

  const tail = startChangeTail(
    tailReader,
    {
      isNeeded: () => streams.size > 0,
      deliver: (page) => {
        for (const change of page) deliver(change)
      },
      passedOver: (lastChange) => {
        recent.clear(lastChange)
        // A stream may have started meanwhile.
        for (const stream of streams) stream.recheck()
      },
      lost: resetAll,
    },
    { pollMs, idlePollMs },
    logger,
  )

  const heartbeats = createHeartbeats(streams, heartbeatMs)

  const isKeyFull = (keyId: string | undefined): boolean => keyId !== undefined && (opened.get(keyId) ?? 0) >= Math.ceil(streamsMax / 10)
  const isFull = (keyId: string | undefined): boolean => streams.size >= streamsMax || isKeyFull(keyId)

  /** @throws ApiError too_many_streams */
  const checkRoom = (keyId: string | undefined): void => {
    if (!isFull(keyId)) return
    const owner = isKeyFull(keyId) ? 'The API key has' : 'This process has'
    throw new ApiError('too_many_streams', `${owner} too many open streams. Watch several keys with one stream, or retry later.`, {
      retryAfterSeconds: 5,
    })
  }

  const count = (keyId: string | undefined, by: 1 | -1): void => {
    const ofKey = (opened.get(keyId) ?? 0) + by
    if (ofKey === 0) opened.delete(keyId)
    else opened.set(keyId, ofKey)
  }

  const catchUp = async (): Promise<void> => {
    const { last } = await reader.logEnd()
    await withTimeout(tail.reach(last), catchUpMs)
    if (tail.position === undefined) throw new DatabaseUnavailable('the change log was not read yet')
  }

  /** Reads a cursor. A position ahead of this process is valid: another replica may be faster. */
  const readCursor = async (text: string | undefined): Promise<StreamOptions['cursor']> => {
    if (text === undefined) return undefined
    const cursor = parseCursor(text)
    if (cursor === undefined || cursor.identity !== tail.identity) return 'foreign'
    if (cursor.position <= tail.lastChange) return cursor
    const { last } = await reader.logEnd()
    return cursor.position <= last ? cursor : 'foreign'
  }

  const start = (sink: EventSink, request: StreamRequest, cursor: StreamOptions['cursor']): void => {
    // Requests that were checked at the same time may have taken the room. Their clients reconnect and get the error.
    if (isFull(request.keyId)) {
      sink.end()
      return
    }
    const sources = { tail, recent, reader, onReset: (reason: ResetReason) => void resets.set(reason, (resets.get(reason) ?? 0) + 1) }
    const stream = startChangeStream(sink, { ...request, cursor }, sources)
    streams.add(stream)
    count(request.keyId, 1)
    index.add(stream, stream.selection)
    heartbeats.add(stream, request.isAllowed)
    sink.onClose(() => {
      streams.delete(stream)
      index.remove(stream, stream.selection)
      heartbeats.remove(stream)
      count(request.keyId, -1)
    })
    if (isStopped) stream.end()
  }

  return {
    reader,
    tail,
    catchUp,
    open: async (request) => {
      checkRoom(request.keyId)
      await catchUp()
      const cursor = await readCursor(request.cursor)
      return (sink) => start(sink, request, cursor)
    },
    use: () => ({
      streams: streams.size,
      behind: [...streams].filter((stream) => !stream.isLive()).length,
      resets,
      changes,
      lagMs: tail.lagMs(),
    }),
    stop: async () => {
      isStopped = true
      heartbeats.stop()
      for (const stream of streams) stream.end()
      await tail.stop()
      await Promise.all([tailReader.end(1_000), reader.end(1_000)])
    },
  }
}
