import type { EventSink } from '@holdfast/contracts'
import { nextKey } from '../items/key-range.js'
import { JsonText } from '../lib/json-text.js'
import type { Change } from './change.js'
import type { ChangeReader, KeyRange } from './change-reader.js'
import type { ChangeTail } from './change-tail.js'
import { itemFrame, snapshotChangeFrame } from './event-frames.js'
import { rangesOf, type Selection, selects, spanOf } from './selection.js'
import { isVisible, parseSnapshot, type TransactionSnapshot } from './transaction-snapshot.js'

/** The keys that a page of a snapshot covers, up to `until`, and what it has seen. */
interface PageCover {
  readonly until: Buffer
  readonly snapshot: TransactionSnapshot
}

export interface SnapshotOptions {
  readonly sink: Pick<EventSink, 'write'>
  readonly selection: Selection
  readonly wantValues: boolean
  readonly tail: ChangeTail
  readonly reader: ChangeReader
  /** Resolves when the client can receive more, or its connection has closed. */
  readonly drained: () => Promise<void>
  readonly isEnded: () => boolean
}

/** Whether a snapshot was sent completely, and the position where the changes continue. */
export type SnapshotResult = { readonly position: number } | 'ended' | 'interrupted'

/**
 * Creates the function that sends a snapshot: pages of items, each with its own database snapshot, and then the changes since the start
 * that their page has not seen. So every change is either in the page of its key or sent once, without a long transaction and without
 * memory for each key.
 */
export const createSnapshotSender = ({ sink, selection, wantValues, tail, reader, drained, isEnded }: SnapshotOptions) => {
  const send = async (frame: Buffer): Promise<void> => {
    if (!sink.write(frame)) await drained()
  }

  /** Sends the items of a range. Returns what its pages cover. */
  const sendRange = async ({ namespace, from, until }: KeyRange, covers: PageCover[]): Promise<void> => {
    let start = from
    while (!isEnded()) {
      const rows = await reader.snapshotPage({ namespace, from: start, until })
      const { isFull = false, snapshot = '' } = rows[0] ?? {}
      const items = rows.flatMap(({ item }) => (item === undefined ? [] : [item]))
      for (const { value, created_version, ...item } of items) {
        const body = { ...item, created_version: created_version ?? item.version, value: wantValues ? new JsonText(value) : undefined }
        await send(itemFrame(body))
        if (isEnded()) return
      }
      start = isFull ? nextKey(items.at(-1)?.key ?? start) : until
      covers.push({ until: Buffer.from(start), snapshot: parseSnapshot(snapshot) })
      if (!isFull) return
    }
  }

  /** Sends the changes that the pages have not seen. */
  const sendChanges = async (from: number, upTo: number, covers: readonly PageCover[]): Promise<'sent' | 'interrupted'> => {
    const span = spanOf(selection)
    const isSeen = ({ key, xid }: Change): boolean => {
      const bytes = Buffer.from(key)
      const cover = covers.find(({ until }) => bytes.compare(until) < 0)
      return cover !== undefined && isVisible(cover.snapshot, xid)
    }
    let after = from
    while (after < upTo && !isEnded()) {
      const { changes, upTo: readTo } = await reader.changes({ after, upTo }, span)
      if ((await reader.floor()) > after) return 'interrupted'
      for (const change of changes) {
        if (change.kind === 'truncate') return 'interrupted'
        if (selects(selection, change.key) && !isSeen(change)) await send(snapshotChangeFrame(change, wantValues))
      }
      after = readTo
    }
    return 'sent'
  }

  return async (): Promise<SnapshotResult> => {
    const from = tail.lastChange
    const covers: PageCover[] = []
    for (const range of rangesOf(selection)) await sendRange(range, covers)
    // A page may have seen changes that the tail has not delivered yet.
    const { last } = await reader.logEnd()
    await tail.reach(last)
    const position = tail.lastChange
    const result = await sendChanges(from, position, covers)
    if (isEnded()) return 'ended'
    return result === 'sent' ? { position } : 'interrupted'
  }
}
