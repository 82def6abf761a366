import type { IdempotencyKey } from '../idempotency/idempotency-key.js'

/** The item that a call is about. */
export interface ItemAddress {
  readonly namespace: string
  readonly key: string
}

/** One text for an item, whichever namespace it is in: no namespace has a slash. */
export const itemName = ({ namespace, key }: ItemAddress): string => `${namespace}/${key}`

export interface Write extends ItemAddress {
  readonly record?: IdempotencyKey | undefined
}

/** Whether a row is that of an earlier request with the same Idempotency-Key. */
export interface Replayable {
  readonly replayed?: boolean
}

/** Conditions of a write: `*`, or versions with commas between. */
export interface Conditions {
  readonly ifMatch: string | null
  readonly ifNoneMatch: string | null
}

/** A write of an item, whatever is there. */
export interface UpsertCall extends Write {
  /** JSON object whose member `value` is stored, to the letter. */
  readonly body: string
  /** Seconds. */
  readonly ttl: number | null
  /** Whether the answer needs the value. */
  readonly wantValue: boolean
}

export interface PutCall extends UpsertCall, Conditions {
  /** RFC 3339. */
  readonly expiresAt: string | null
  readonly keepTtl: boolean
}

/** A change of an item's expiry; neither a ttl nor a time makes it permanent. */
export type TouchCall = Omit<PutCall, 'body' | 'keepTtl'>

export interface DeleteCall extends Write, Conditions {
  /** Whether the deleted item is to be returned. */
  readonly wantItem: boolean
}

/** An addition of an integer of 64 bits to another. */
export interface AddCall extends Write, Conditions {
  readonly by: bigint
  /** Bounds of the result, which narrow those of 64 bits. */
  readonly min: bigint
  readonly max: bigint
  /** Seconds that the counter has from now on; null where it keeps its expiry. */
  readonly newTtl: number | null
  /** Whether it is rejected if the counter would have no expiry after it. */
  readonly requireTtl: boolean
}
