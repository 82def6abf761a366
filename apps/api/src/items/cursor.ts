import { hash } from 'node:crypto'
import { Prefix } from '@holdfast/contracts'
import { invalid } from '../http/api-error.js'
import type { ListOperation } from './operation.js'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Identifies a list: its kind, and everything that decides its entries and their order. */
export type ListIdentity = readonly (string | number | boolean | undefined)[]

/**
 * Returns the identity of a list of items. All members of the operation count, except those that select a page or what to return of it.
 * Members that were added later count only if they are set, so that cursors of lists without them stay valid.
 */
export const itemListIdentity = (namespace: string, operation: ListOperation): ListIdentity => {
  const { op, cursor, startAfter, page, pageSize, wantValues, wantTotal, prefix, delimiter, reverse, ...added } = operation
  const set = Object.entries<ListIdentity[number]>(added).filter(([, value]) => value !== undefined && value !== false && value !== '')
  return ['items', namespace, prefix, delimiter, reverse, ...set.sort().flat()]
}

/** Bytes of the digest at the start of a cursor. It tells lists apart, and is not a protection. */
const digestBytes = 8

const digestOf = (list: ListIdentity): Buffer =>
  hash('sha256', JSON.stringify(list.map((part) => part ?? null)), 'buffer').subarray(0, digestBytes)

/** Creates the cursor of a list after a key or a group. It contains no position, so other writes do not invalidate it. */
export const writeCursor = (list: ListIdentity, last: string): string =>
  Buffer.concat([digestOf(list), Buffer.from(last)]).toString('base64url')

/**
 * Returns the key or group after which a list continues.
 * @throws ApiError validation_failed if the cursor is invalid or belongs to another list
 */
export const readCursor = (list: ListIdentity, cursor: string): string => {
  const bytes = Buffer.from(cursor, 'base64url')
  try {
    if (bytes.toString('base64url') === cursor && digestOf(list).equals(bytes.subarray(0, digestBytes))) {
      return Prefix.parse(utf8.decode(bytes.subarray(digestBytes)))
    }
  } catch {
    // The caller gets the same error for every invalid cursor.
  }
  throw invalid('query.cursor', 'must be a next_cursor of this list with the same parameters. Start again without a cursor.')
}
