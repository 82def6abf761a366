import { hash } from 'node:crypto'
import type { WriteRecord } from '../store/item-call.js'

/** What identifies a write with an Idempotency-Key, besides the key. */
export interface KeyedRequest {
  readonly namespace: string
  /** Whose key it is: callers cannot meet one another's. */
  readonly caller: string
  readonly method: string
  /** As it came over the wire. */
  readonly target: string
  readonly body: string | undefined
  /** The header fields that are conditions (RFC 9110 section 13.1), each undefined if the request has none. */
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
  /** Whether the answer is wanted without values. */
  readonly minimal: boolean
}

/** The key within a header: a string of structured fields without its quotes (RFC 9651 section 3.3.3), or a token as it stands. */
const keyOf = (header: string): string => (header.startsWith('"') ? header.slice(1, -1).replaceAll(/\\(.)/g, '$1') : header)

/** The record of a request under the key of its header; undefined where it has none. */
export const writeRecord = (header: string | undefined, request: KeyedRequest): WriteRecord | undefined => {
  if (header === undefined) return undefined
  const { namespace, caller, method, target, body, minimal, ifMatch, ifNoneMatch } = request
  // No part can hold a line break but the body, which comes last. No body begins as a line of conditions does.
  const conditions = ifMatch === undefined && ifNoneMatch === undefined ? [] : [`if-match ${ifMatch}`, `if-none-match ${ifNoneMatch}`]
  const fingerprint = (...lines: string[]) => hash('sha256', [method, target, minimal, ...lines, body ?? ''].join('\n'))
  const firstFingerprint = fingerprint()
  return {
    id: hash('sha256', [namespace, caller, keyOf(header)].join('\n')),
    // See `recordFormat`: databases have records that were written by these rules.
    fingerprint: conditions.length === 0 ? firstFingerprint : fingerprint(...conditions),
    firstFingerprint,
  }
}
