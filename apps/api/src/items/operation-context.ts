import type { Caller } from '../api-keys/authenticate.js'
import type { IdempotencyKey } from '../idempotency/idempotency-key.js'
import type { BatchedCall } from '../lib/batcher.js'

/** The request that an operation belongs to. */
export interface OperationContext {
  readonly requestId: string
  /** When the request must have its response, as `performance.now()` counts. */
  readonly deadline: number
  readonly namespace: string
  /** Whose API key the request has; undefined if callers need none. */
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

/** An operation, or a part of one, that waits for a batch. */
export type ItemCall<Input> = BatchedCall<OperationContext, Input>
