import type { Addition } from './addition.js'

/** Conditions of a write (RFC 9110 section 13.1): `*`, or versions separated by commas. Null is no condition. */
export interface Conditions {
  readonly ifMatch: string | null
  readonly ifNoneMatch: string | null
}

/** When an item should expire, as the caller asked for it. */
export interface RequestedExpiry {
  /** Seconds. */
  readonly ttl: number | null
  /** RFC 3339 in UTC. */
  readonly expiresAt: string | null
  /** Whether the caller asked explicitly for an item that never expires. */
  readonly forever: boolean
}

/** Reads an item. */
export interface GetOperation {
  readonly op: 'get'
  readonly key: string
}

/** Creates or replaces an item. */
export interface PutOperation extends Conditions, RequestedExpiry {
  readonly op: 'put'
  readonly key: string
  /** JSON text, which is stored as it is. */
  readonly value: string
  /** Whether an existing item keeps its expiry. */
  readonly keepTtl: boolean
  /** Whether the response needs the value. */
  readonly wantValue: boolean
}

/** What a put writes. */
export type PutInput = Omit<PutOperation, 'op' | 'forever'>

/** Creates an item that must not exist. */
export interface CreateOperation extends RequestedExpiry {
  readonly op: 'create'
  readonly key: string
  /** JSON text, which is stored as it is. */
  readonly value: string
  readonly wantValue: boolean
}

/** Merges a patch into the value of an item. */
export interface PatchOperation extends Conditions, RequestedExpiry {
  readonly op: 'patch'
  readonly key: string
  /** JSON text of a merge patch (RFC 7396). */
  readonly patch: string
  readonly keepTtl: boolean
  readonly wantValue: boolean
  /** The namespace's limit on the size of the value, if it has one. */
  readonly valueBytesMax?: number | undefined
}

/** Changes only the expiry of an item. Without a `ttl` and a time the item never expires. */
export interface TouchOperation extends Conditions, RequestedExpiry {
  readonly op: 'touch'
  readonly key: string
  readonly wantValue: boolean
}

/** Adds to a counter, and creates it if it does not exist. */
export interface IncrementOperation extends Conditions, Addition {
  readonly op: 'increment'
  readonly key: string
  /** Seconds until a new counter expires. */
  readonly ttl: number | null
  /** Whether `ttl` also applies to an existing counter. */
  readonly refreshTtl: boolean
  /** Whether to reject the operation if the counter would never expire. */
  readonly requireTtl: boolean
  readonly wantValue: boolean
}

/** Deletes an item. */
export interface DeleteOperation extends Conditions {
  readonly op: 'delete'
  readonly key: string
  /** Whether the response needs the deleted item. */
  readonly wantItem: boolean
}

/** What a caller may do to one item. Every request for items becomes one or several of these. */
export type ItemOperation =
  | GetOperation
  | PutOperation
  | CreateOperation
  | PatchOperation
  | TouchOperation
  | IncrementOperation
  | DeleteOperation

/** The operations of transactions. They have no conditions; a transaction has checks. */
export type TransactionOperation = Extract<ItemOperation, { readonly op: 'get' | 'put' | 'increment' | 'delete' }>

/** Lists the items of a range of keys. */
export interface ListOperation {
  readonly op: 'list'
  readonly prefix: string
  /** Groups keys up to the first delimiter after the prefix; undefined lists every item. */
  readonly delimiter: string | undefined
  /** Where an earlier page of the same list ended. */
  readonly cursor: string | undefined
  /** Starts after this key, which need not exist. */
  readonly startAfter: string | undefined
  /** Lists the items as of this time, RFC 3339 in UTC; undefined lists the current ones. */
  readonly at?: string | undefined
  /** Whether the list is in descending order. */
  readonly reverse: boolean
  /** From 1. */
  readonly page: number
  /** Items and groups per page. */
  readonly pageSize: number
  readonly wantValues: boolean
  readonly wantTotal: boolean
}

/** Deletes all items whose keys start with a prefix. */
export interface DeletePrefixOperation {
  readonly op: 'delete_prefix'
  readonly prefix: string
}

/** What a caller may do to a range of keys. */
export type RangeOperation = ListOperation | DeletePrefixOperation
