import { entityTag } from '../http/entity-tags.js'
import { replayedHeader } from '../idempotency/run-once.js'
import type { StoredItem } from './stored-item.js'

/** Returns the header that marks a response as that of an earlier request. It is undefined if the response is new. */
export const replayed = (was: boolean) => ({ [replayedHeader]: was ? 'true' : undefined }) as const

/** Returns the header that confirms `Prefer: return=minimal`. It is undefined if the request did not have that preference. */
export const preferred = (minimal: boolean) => ({ 'preference-applied': minimal ? 'return=minimal' : undefined }) as const

/** Returns the headers of the response to a write of one item. `was` tells whether an earlier request wrote it. */
export const written = (item: StoredItem, minimal: boolean, was: boolean) => ({
  ...replayed(was),
  ...preferred(minimal),
  etag: entityTag(item.version),
})
