import { entityTag } from '../http/entity-tags.js'
import { replayedHeader } from '../idempotency/run-once.js'
import type { StoredItem } from './stored-item.js'

/** Says of an answer that it is that of an earlier request; nothing where it is not. */
export const replayed = (was: boolean) => ({ [replayedHeader]: was ? 'true' : undefined }) as const

/** Says that a preference was honoured; nothing where it was not given. */
export const preferred = (minimal: boolean) => ({ 'preference-applied': minimal ? 'return=minimal' : undefined }) as const

/** The headers of the answer to a write of one item. */
export const written = (item: StoredItem, minimal: boolean, was: boolean) => ({
  ...replayed(was),
  ...preferred(minimal),
  etag: entityTag(item.version),
})
