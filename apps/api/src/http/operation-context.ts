import type { Caller } from './caller.js'
import type { RequestContext } from './request-context.js'

/** An idempotency key with its request. A write with such a key is applied at most once. */
export interface IdempotencyKey {
  /** A digest of the caller, the namespace and the caller's Idempotency-Key. */
  readonly id: string
  /** A digest of the request. */
  readonly fingerprint: string
  /** The digest that records of format 1 have. It does not cover the conditions. */
  readonly firstFingerprint: string
}

/** The request that an operation belongs to. */
export interface OperationContext {
  readonly requestId: string
  /** When the response is due, in `performance.now()` time. */
  readonly deadline: number
  readonly namespace: string
  /** The owner of the request's API key. Undefined if callers need no key. */
  readonly caller: Caller | undefined
  /** Identifies the caller by API key or address. Statements over many items alternate between callers. */
  readonly client: string
  /** Whether a write may create its namespace. */
  readonly canCreateNamespace: boolean
  /** The text of a JSON body. */
  readonly bodyText: string | undefined
  /** From the `Idempotency-Key` header of routes that write. */
  readonly idempotencyKey: IdempotencyKey | undefined
  /** Tells whether the caller still has its rights. Only for routes with a stream. */
  readonly isStillAllowed?: (() => Promise<boolean>) | undefined
}

/** Creates the context of a request's operations. */
export const createOperationContext = (
  { id, deadline, client = '' }: RequestContext,
  request: Pick<OperationContext, 'namespace' | 'caller' | 'bodyText' | 'idempotencyKey' | 'isStillAllowed'>,
): OperationContext => {
  const { namespace, caller, bodyText, idempotencyKey, isStillAllowed } = request
  return {
    requestId: id,
    deadline,
    namespace,
    caller,
    client: caller?.id ?? client,
    canCreateNamespace: caller === undefined || caller.namespaces === null,
    bodyText,
    idempotencyKey,
    isStillAllowed,
  }
}
