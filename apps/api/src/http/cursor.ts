import { Key } from '@holdfast/contracts'
import { invalid } from '../refusal.js'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The cursor of the list after a key. It names the key and no position, so it holds while others write. */
export const writeCursor = (key: string): string => Buffer.from(key).toString('base64url')

/**
 * The key after which a list goes on.
 * @throws Refusal validation_failed
 */
export const readCursor = (cursor: string): string => {
  try {
    const bytes = Buffer.from(cursor, 'base64url')
    if (bytes.toString('base64url') === cursor) return Key.parse(utf8.decode(bytes))
  } catch {
    // What it is not does not matter to the caller.
  }
  throw invalid('query.cursor', 'must be a next_cursor of the service')
}
