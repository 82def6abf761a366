import type { EventSink } from '@holdfast/contracts'
import type { Change } from './change.js'
import type { ChangeReader } from './change-reader.js'
import type { ChangeTail } from './change-tail.js'
import { formatCursor, type ParsedCursor } from './cursor.js'
import { changeFrame, commentFrame, heartbeatFrame, type ResetReason, readyFrame, resetFrame, retryFrame } from './event-frames.js'
import type { RecentChanges } from './recent-changes.js'
import { type Selection, selects, spanOf } from './selection.js'
import { createSnapshotSender } from './send-snapshot.js'

/** The parts that all streams share. */
export interface StreamSources {
  readonly tail: ChangeTail
  readonly recent: RecentChanges
  /** Reads for streams that catch up, and for snapshots. */
  readonly reader: ChangeReader
  /** Called for each reset event. */
  readonly onReset: (reason: ResetReason) => void
}

/** What a client wants to see. */
export interface StreamOptions {
  readonly selection: Selection
  readonly wantValues: boolean
  readonly wantSnapshot: boolean
  /** The position after which the stream continues. Undefined to start now; `foreign` if the log has no such position. */
  readonly cursor: ParsedCursor | undefined | 'foreign'
}

/** A stream of changes to one client. It has a position in the log and never a queue. */
export interface ChangeStream {
  readonly selection: Selection
  /** Whether the stream has everything that the tail has delivered. */
  isLive(): boolean
  /** Sends a change, unless the stream is behind. It then reads the change itself. */
  deliver(change: Change): void
  /** Sends the position of the stream, or a comment while it has none. */
  heartbeat(): void
  /** Makes the stream read what the tail has not delivered. */
  recheck(): void
  /** Tells the client to start again. */
  reset(reason: ResetReason): void
  end(): void
}

/** The pause after an error of the database. Milliseconds. */
const errorPauseMs = 250

/**
 * Starts a stream. It is live while it has everything that the tail has delivered. Otherwise it reads from its position: from memory, or
 * from the log. It becomes live in the same turn of the event loop in which it sends the last change, so nothing is missed in between.
 */
export const startChangeStream = (sink: EventSink, options: StreamOptions, sources: StreamSources): ChangeStream => {
  const { selection, wantValues, wantSnapshot, cursor } = options
  const { tail, recent, reader, onReset } = sources
  const span = spanOf(selection)
  let isLive = false
  let isClosed = false
  /** Everything up to here was sent or passed over. Stale while the stream is live. */
  let at = tail.lastChange
  let needsSnapshot = false
  let pendingReset: ResetReason | undefined
  let wake = () => {}
  let isDraining = false

  const cursorAt = (position: number): string => formatCursor(tail.identity, position)
  const isEnded = (): boolean => isClosed || pendingReset !== undefined

  const drained = (): Promise<void> =>
    new Promise((resolve) => {
      if (isClosed) return resolve()
      isDraining = true
      wake = () => {
        isDraining = false
        resolve()
      }
      sink.onDrain(wake)
    })

  /** Sends a change. Returns whether the client can receive more. */
  const send = (change: Change): boolean => {
    at = change.seq
    return sink.write(changeFrame(tail.identity, change, wantValues))
  }

  /** Sends changes from memory. Goes live if the client can receive all of them. */
  const sendRecent = (): void => {
    let isReading = true
    recent.visitAfter(at, (change) => {
      if (change.kind === 'truncate') pendingReset = 'items_truncated'
      else if (change.namespace === selection.namespace && selects(selection, change.key)) isReading = send(change)
      return isReading && pendingReset === undefined
    })
    isLive = isReading && pendingReset === undefined
  }

  /** Sends a page of the log. */
  const sendLogged = async (): Promise<void> => {
    const from = at
    const { changes, upTo } = await reader.changes({ after: from, upTo: tail.lastChange }, span)
    if ((await reader.floor()) > from) pendingReset ??= 'cursor_too_old'
    for (const change of changes) {
      if (isEnded()) return
      if (change.kind === 'truncate') pendingReset = 'items_truncated'
      else if (selects(selection, change.key) && !send(change)) await drained()
    }
    if (!isEnded()) at = upTo
  }

  const sendSnapshot = createSnapshotSender({ sink, selection, wantValues, tail, reader, drained, isEnded })

  const startWithSnapshot = async (): Promise<void> => {
    const result = await sendSnapshot().catch(async () => {
      await pause()
      return 'interrupted' as const
    })
    if (result === 'interrupted') pendingReset ??= 'snapshot_interrupted'
    if (typeof result === 'string') return
    needsSnapshot = false
    at = result.position
    sink.write(readyFrame(cursorAt(at)))
  }

  const applyReset = (reason: ResetReason): void => {
    pendingReset = undefined
    onReset(reason)
    at = tail.lastChange
    needsSnapshot = wantSnapshot
    sink.write(resetFrame(wantSnapshot ? undefined : cursorAt(at), reason))
  }

  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, errorPauseMs))

  const takeStep = async (): Promise<void> => {
    if (tail.position === undefined) return await tail.reach(0)
    if (pendingReset !== undefined) return applyReset(pendingReset)
    if (needsSnapshot) return await startWithSnapshot()
    if (at < recent.start) return await sendLogged()
    sendRecent()
    if (!isLive && pendingReset === undefined) await drained()
  }

  /** Sends what is missing until the stream is live or closed. The tail logs that the database cannot be read. */
  const catchUp = async (): Promise<void> => {
    while (!isLive && !isClosed) await takeStep().catch(pause)
  }

  sink.onClose(() => {
    isClosed = true
    wake()
  })
  sink.write(retryFrame())
  if (cursor === 'foreign') pendingReset = 'cursor_foreign'
  else if (cursor !== undefined) at = cursor.position
  else if (wantSnapshot) needsSnapshot = true
  else sink.write(readyFrame(cursorAt(at)))
  void catchUp()

  const leaveLive = (before: Promise<void> = Promise.resolve()): void => {
    isLive = false
    void before.then(catchUp)
  }

  return {
    selection,
    isLive: () => isLive,
    deliver: (change) => {
      if (isLive && change.seq > at && !send(change)) leaveLive(drained())
    },
    heartbeat: () => {
      if (isLive) sink.write(heartbeatFrame(cursorAt(Math.max(at, tail.lastChange))))
      // A client that reads slowly gets nothing, so that it is closed if it reads nothing.
      else if (!isDraining) sink.write(commentFrame())
    },
    recheck: () => {
      if (isLive) leaveLive()
    },
    reset: (reason) => {
      pendingReset = reason
      if (isLive) leaveLive()
    },
    end: () => sink.end(),
  }
}
