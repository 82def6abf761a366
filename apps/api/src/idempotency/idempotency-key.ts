import { hash } from 'node:crypto'

/** Makes a write take effect at most once. */
export interface IdempotencyKey {
  /** A digest of the caller, the namespace and the caller's Idempotency-Key. */
  readonly id: string
  /** A digest of the request. */
  readonly fingerprint: string
  /** The digest in records of format 1, which leaves out the conditions. */
  readonly firstFingerprint: string
}

/** Tells whether a result is that of an earlier request with the same Idempotency-Key. */
export interface Replayable {
  readonly replayed?: boolean
}

/** What identifies a write with an Idempotency-Key, besides the key. */
export interface KeyedRequest {
  readonly namespace: string
  /** Whose key it is: callers cannot meet one another's. */
  readonly caller: string
  readonly method: string
  /** As it came over the wire. */
  readonly target: string
  /** What the target means: all targets that mean the same have the same, see `canonicalTarget`. */
  readonly canonicalTarget: string
  readonly body: string | undefined
  /** What the conditions of the request mean (RFC 9110 section 13.1), each null if the request has none. */
  readonly conditions: { readonly ifMatch: string | null; readonly ifNoneMatch: string | null }
  /** Whether the answer is wanted without values. */
  readonly minimal: boolean
  /** Whether a delete should return the item. */
  readonly representation: boolean
}

/** The key within a header: a string of structured fields without its quotes (RFC 9651 section 3.3.3), or a token as it stands. */
const keyOf = (header: string): string => (header.startsWith('"') ? header.slice(1, -1).replaceAll(/\\(.)/g, '$1') : header)

/** Versions with commas between, each once and in order: a list of entity tags is a set. */
const canonicalCondition = (versions: string | null): string | null => versions && [...new Set(versions.split(','))].sort().join(',')

/** The record of a request under the key of its header. */
export const toIdempotencyKey = (header: string, request: KeyedRequest): IdempotencyKey => {
  const { namespace, caller, method, target, canonicalTarget, body = '', minimal, representation } = request
  const { ifMatch, ifNoneMatch } = request.conditions
  // No part can hold a line break but the body, which comes last. No body begins as a line of conditions does.
  const conditions =
    ifMatch === null && ifNoneMatch === null
      ? []
      : [`if-match ${canonicalCondition(ifMatch)}`, `if-none-match ${canonicalCondition(ifNoneMatch)}`]
  const preferences = representation ? ['return=representation'] : []
  return {
    id: hash('sha256', [namespace, caller, keyOf(header)].join('\n')),
    // See `recordFormat`: databases have records that were written by these rules.
    fingerprint: hash('sha256', [method, canonicalTarget, minimal, ...conditions, ...preferences, body].join('\n')),
    firstFingerprint: hash('sha256', [method, target, minimal, body].join('\n')),
  }
}
