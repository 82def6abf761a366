import { hash } from 'node:crypto'
import type { IdempotencyKey } from '../http/operation-context.js'

/** Tells whether a result is that of an earlier request with the same Idempotency-Key. */
export interface Replayable {
  readonly replayed?: boolean
}

/** The parts of a request that must be the same in its retries, and those that scope its Idempotency-Key. */
export interface KeyedRequest {
  readonly namespace: string
  /** The caller. Callers cannot use each other's keys. */
  readonly caller: string
  readonly method: string
  /** As it was received. */
  readonly target: string
  /** See `canonicalTarget`. */
  readonly canonicalTarget: string
  readonly body: string | undefined
  /** The conditions of the request (RFC 9110 section 13.1). */
  readonly conditions: { readonly ifMatch: string | null; readonly ifNoneMatch: string | null }
  /** Whether the request asks for a response without values. */
  readonly minimal: boolean
  /** Whether a delete asks for the item. */
  readonly representation: boolean
}

/** Returns the key in a header: a structured-field string without its quotes (RFC 9651 section 3.3.3), or a token. */
const keyOf = (header: string): string => (header.startsWith('"') ? header.slice(1, -1).replaceAll(/\\(.)/g, '$1') : header)

/** Sorts a list of versions and removes duplicates, because a list of entity tags is a set. */
const canonicalCondition = (versions: string | null): string | null => versions && [...new Set(versions.split(','))].sort().join(',')

/** Creates the digests that identify the record of a request. */
export const toIdempotencyKey = (header: string, request: KeyedRequest): IdempotencyKey => {
  const { namespace, caller, method, target, canonicalTarget, body = '', minimal, representation } = request
  const { ifMatch, ifNoneMatch } = request.conditions
  // Only the body, which comes last, can have a line break. No body starts like a line of conditions.
  const conditions =
    ifMatch === null && ifNoneMatch === null
      ? []
      : [`if-match ${canonicalCondition(ifMatch)}`, `if-none-match ${canonicalCondition(ifNoneMatch)}`]
  const preferences = representation ? ['return=representation'] : []
  return {
    id: hash('sha256', [namespace, caller, keyOf(header)].join('\n')),
    // Existing records have these digests, see `recordFormat`.
    fingerprint: hash('sha256', [method, canonicalTarget, minimal, ...conditions, ...preferences, body].join('\n')),
    // Only replays of records of format 1 need it.
    get firstFingerprint() {
      return hash('sha256', [method, target, minimal, body].join('\n'))
    },
  }
}
