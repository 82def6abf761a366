import type { Caller } from './caller.js'

/** Makes a write take effect at most once. */
export interface IdempotencyKey {
  /** A digest of the caller, the namespace and the caller's Idempotency-Key. */
  readonly id: string
  /** A digest of the request. */
  readonly fingerprint: string
  /** The digest in records of format 1, which leaves out the conditions. */
  readonly firstFingerprint: string
}

/** The request that an operation belongs to. */
export interface OperationContext {
  readonly requestId: string
  /** When the request must have its response, as `performance.now()` counts. */
  readonly deadline: number
  readonly namespace: string
  /** The owner of the request's API key. Undefined if callers need no key. */
  readonly caller: Caller | undefined
  /** Identifies the caller, by API key or address. Callers take turns at statements over many items. */
  readonly client: string
  /** Whether a write may create its namespace. */
  readonly canCreateNamespace: boolean
  /** The text of a JSON body. */
  readonly bodyText: string | undefined
  /** Of the Idempotency-Key header, on routes that write. */
  readonly idempotencyKey: IdempotencyKey | undefined
}
