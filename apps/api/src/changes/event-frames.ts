import type { resetReasons } from '@holdfast/contracts'
import { stringifyJson } from '../lib/json-text.js'
import type { Change } from './change.js'
import { changeBody } from './change-body.js'
import { formatCursor } from './cursor.js'

/** Why a stream could not continue without a gap. */
export type ResetReason = (typeof resetReasons)[number]

/** Encodes the fields of a server-sent event (WHATWG HTML, section 9.2). JSON texts may have line ends between tokens. */
const encode = (id: string | undefined, event: string, data: unknown): Buffer => {
  const lines = stringifyJson(data).replace(/\r\n|\r|\n/g, '\ndata: ')
  return Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${lines}\n\n`)
}

/** The encoded events of changes, with and without values. All streams share them. */
const encoded = new WeakMap<Change, { identity: string; full?: Buffer; short?: Buffer }>()

/** Returns the event of a change of an item. */
export const changeFrame = (identity: string, change: Change, wantValue: boolean): Buffer => {
  let frames = encoded.get(change)
  if (frames?.identity !== identity) {
    frames = { identity }
    encoded.set(change, frames)
  }
  const form = wantValue ? 'full' : 'short'
  frames[form] ??= encode(formatCursor(identity, change.seq), change.kind, changeBody(change, wantValue))
  return frames[form]
}

/** Returns the event of a change that belongs to a snapshot. A client that reconnects before `ready` must start again, so it has no id. */
export const snapshotChangeFrame = (change: Change, wantValue: boolean): Buffer =>
  encode(undefined, change.kind, changeBody(change, wantValue))

/** Returns the event of an item of a snapshot. */
export const itemFrame = (item: object): Buffer => encode(undefined, 'put', item)

export const readyFrame = (cursor: string): Buffer => encode(cursor, 'ready', {})

/** Returns a reset. If a snapshot follows, the id is empty, so that a client which reconnects before `ready` starts again. */
export const resetFrame = (cursor: string | undefined, reason: ResetReason): Buffer => encode(cursor ?? '', 'reset', { reason })

/** Returns a comment. It only keeps the connection open. */
export const commentFrame = (): Buffer => Buffer.from(':\n\n')

/** Returns an id without data. It is no event, but moves the `Last-Event-ID` of an `EventSource`. */
export const heartbeatFrame = (cursor: string): Buffer => Buffer.from(`id: ${cursor}\n\n`)

/** Returns the start of a stream: how long a client waits before it reconnects, jittered so that clients of a restart come apart. */
export const retryFrame = (): Buffer => Buffer.from(`retry: ${1_000 + Math.floor(Math.random() * 4_000)}\n\n`)
