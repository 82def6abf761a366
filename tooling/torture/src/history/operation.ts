/** What a client asked of one key. */
export type Request =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: unknown }
  /** Writes where the key has this version; null: where it has no item. */
  | { readonly kind: 'cas'; readonly expected: bigint | null; readonly value: unknown }
  | { readonly kind: 'delete' }
  | { readonly kind: 'increment'; readonly by: number }

/** A value under its version. */
interface Versioned {
  readonly value: unknown
  readonly version: bigint
  /** The version that the item was created with; left out where it was not told. */
  readonly created?: bigint
}

/** What a client was told. */
export type Answer =
  /** The item that was read, or that the write made. */
  | ({ readonly kind: 'item' } & Versioned)
  /** There was no item. */
  | { readonly kind: 'none' }
  | { readonly kind: 'deleted' }
  /** The condition did not hold; the version is that of the item, null where there was none, left out where it was not told. */
  | { readonly kind: 'mismatch'; readonly version?: bigint | null }

/** One operation of a history: it took effect at some instant from `called` to `returned`. */
export interface Operation {
  readonly client: number
  readonly request: Request
  /** As `performance.now()` counts. */
  readonly called: number
  /** Left out, with the answer, where it is not known whether it took effect: it may have, at any time since, or never. */
  readonly returned?: number | undefined
  readonly response?: Answer | undefined
}
