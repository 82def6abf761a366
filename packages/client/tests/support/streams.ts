import type { Fault } from '@holdfast/testbed/fault-proxy'

/** A block of an event stream. */
export interface Block {
  readonly id?: string
  readonly event?: string
  readonly data?: unknown
  readonly retry?: number
}

const encode = ({ id, event, data, retry }: Block): string =>
  [
    retry === undefined ? '' : `retry: ${retry}\n`,
    id === undefined ? '' : `id: ${id}\n`,
    event === undefined ? '' : `event: ${event}\n`,
    data === undefined ? '' : `data: ${JSON.stringify(data)}\n`,
    '\n',
  ].join('')

const headers = { 'content-type': 'text/event-stream' }
const encodeAll = (blocks: readonly Block[]): string => blocks.map(encode).join('')

/** The block of a put. It is part of a snapshot without an id. */
export const put = (key: string, version: string, id?: string, expiresAt: string | null = null): Block => {
  const time = '2026-01-01T00:00:00.000Z'
  const data = { key, value: 1, version, created_version: version, created_at: time, updated_at: time, expires_at: expiresAt }
  return { ...(id === undefined ? {} : { id }), event: 'put', data }
}

export const ready = (id: string): Block => ({ id, event: 'ready', data: {} })

export const reset = (id: string): Block => ({ id, event: 'reset', data: { reason: 'cursor_too_old' } })

/** A fault that responds with a stream, which the service then ends. */
export const ended = (...blocks: readonly Block[]): Fault => ({ kind: 'respond', status: 200, headers, body: encodeAll(blocks) })

/** A fault that responds with a stream whose connection breaks. */
export const broken = (...blocks: readonly Block[]): Fault => {
  const body = encodeAll(blocks)
  return { kind: 'respond', status: 200, headers: { ...headers, 'content-length': String(body.length + 1) }, body }
}

/** A fault that responds with the start of a stream, which then stays open. */
export const open = (...blocks: readonly Block[]): Fault => openAt(undefined, ...blocks)

/** A fault like {@link open}, of a service with another clock. */
export const openAt = (date: Date | undefined, ...blocks: readonly Block[]): Fault => {
  const dateHeader = date === undefined ? '' : `date: ${date.toUTCString()}\r\n`
  return { kind: 'stall', bytes: `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n${dateHeader}\r\n${encodeAll(blocks)}` }
}
