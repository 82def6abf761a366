import { hash } from 'node:crypto'
import { Prefix } from '@holdfast/contracts'
import { invalid } from '../http/api-error.js'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What makes a list the one that it is: its kind, and all that decides which entries it has and in what order. */
export type ListIdentity = readonly (string | boolean | undefined)[]

/** Bytes of the digest that a cursor begins with. It tells lists apart; it is no secret and protects nothing. */
const digestBytes = 8

const digestOf = (list: ListIdentity): Buffer =>
  hash('sha256', JSON.stringify(list.map((part) => part ?? null)), 'buffer').subarray(0, digestBytes)

/** The cursor of a list after a key or a prefix that keys are folded into. It names no position, so it holds while others write. */
export const writeCursor = (list: ListIdentity, last: string): string =>
  Buffer.concat([digestOf(list), Buffer.from(last)]).toString('base64url')

/**
 * The key or prefix after which a list goes on.
 * @throws ApiError validation_failed if the cursor is of another list, or is none
 */
export const readCursor = (list: ListIdentity, cursor: string): string => {
  const bytes = Buffer.from(cursor, 'base64url')
  try {
    if (bytes.toString('base64url') === cursor && digestOf(list).equals(bytes.subarray(0, digestBytes))) {
      return Prefix.parse(utf8.decode(bytes.subarray(digestBytes)))
    }
  } catch {
    // What it is not does not matter to the caller.
  }
  throw invalid('query.cursor', 'must be a next_cursor of this list, with the same parameters; start again without a cursor')
}
