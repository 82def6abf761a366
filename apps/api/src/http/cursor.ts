import { Prefix } from '@holdfast/contracts'
import { invalid } from '../refusal.js'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The cursor of the list after a key or a prefix that keys are folded into. It names no position, so it holds while others write. */
export const writeCursor = (last: string): string => Buffer.from(last).toString('base64url')

/**
 * The key or prefix after which a list goes on.
 * @throws Refusal validation_failed
 */
export const readCursor = (cursor: string): string => {
  try {
    const bytes = Buffer.from(cursor, 'base64url')
    if (bytes.toString('base64url') === cursor) return Prefix.parse(utf8.decode(bytes))
  } catch {
    // What it is not does not matter to the caller.
  }
  throw invalid('query.cursor', 'must be a next_cursor of the service')
}
