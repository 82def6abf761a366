import { hash } from 'node:crypto'

/** A cursor: the log that it belongs to, and a position in it. */
export interface ParsedCursor {
  readonly identity: string
  readonly position: number
}

/** Returns the short form of a log's identity, which cursors contain. */
export const shortIdentity = (identity: string): string => hash('sha256', identity, 'base64url').slice(0, 8)

/** Writes a cursor. */
export const formatCursor = (identity: string, position: number): string => `${identity}.${position}`

/** Reads a cursor. Returns undefined if it does not have the form of one. */
export const parseCursor = (text: string): ParsedCursor | undefined => {
  const [, identity, digits] = /^([A-Za-z0-9_-]{8})\.([0-9]{1,16})$/.exec(text) ?? []
  if (identity === undefined || digits === undefined) return undefined
  const position = Number(digits)
  return Number.isSafeInteger(position) ? { identity, position } : undefined
}
