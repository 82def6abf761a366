/** A request on one key. */
export type Request =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: unknown }
  /** A put that requires this version. Null: it requires that the key has no item. */
  | { readonly kind: 'cas'; readonly expected: bigint | null; readonly value: unknown }
  | { readonly kind: 'delete' }
  | { readonly kind: 'increment'; readonly by: number }

/** A value and its version. */
interface Versioned {
  readonly value: unknown
  readonly version: bigint
  /** The created version. Missing if the response does not include it. */
  readonly created?: bigint
}

/** The response to a request. */
export type OperationResponse =
  /** The item that was read or written. */
  | ({ readonly kind: 'item' } & Versioned)
  /** The key has no item. */
  | { readonly kind: 'none' }
  | { readonly kind: 'deleted' }
  /** The condition did not hold. `version` is that of the item, null without an item, or missing if unknown. */
  | { readonly kind: 'mismatch'; readonly version?: bigint | null }

/** An operation of a history. It took effect at an instant between `called` and `returned`. */
export interface Operation {
  readonly client: number
  readonly request: Request
  /** A `performance.now()` timestamp. */
  readonly called: number
  /**
   * Missing, like the response, if the outcome is unknown. The operation is then pending: it may take
   * effect at any time after the call, or never.
   */
  readonly returned?: number | undefined
  readonly response?: OperationResponse | undefined
}
