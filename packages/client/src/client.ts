import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Call, createCall } from './call.js'
import { anyJson, schemaCodec } from './codec.js'
import { conditionHeaders } from './conditions.js'
import { type Counters, createCounters } from './counters.js'
import { createItems, type Items, type TouchOptions } from './items.js'
import { type CallOptions, type ClientOptions, callLimits, type WriteOptions } from './options.js'
import { createTransactions, type Transactions } from './transaction.js'
import type { Health, Item, ItemExpiry } from './types.js'

/** Options of {@link Client.patch}. */
export type PatchOptions = TouchOptions & Partial<ItemExpiry>

/** A client of one service. */
export interface Client extends Items<unknown, unknown>, Counters, Transactions {
  /**
   * The same client for values of one shape, checked on the way in and out by any Standard Schema (zod, valibot, arktype).
   * @example
   * const sessions = client.typed(z.object({ user: z.int() }))
   * await sessions.put('session-42', { user: 7 }, { ttl: 3600 })
   */
  typed<Schema extends StandardSchemaV1>(schema: Schema): Items<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>>
  /** Removes every item whose key begins with a prefix that is not empty; answers how many. Not one transaction. */
  deletePrefix(prefix: string, options?: WriteOptions): Promise<number>
  /**
   * Changes parts of an item by a merge patch (RFC 7396): members of an object are set, those that are null removed, anything else
   * replaces the value. The item keeps its expiry unless the options have another.
   * @throws ItemNotFoundError, PreconditionFailedError
   */
  patch(key: string, patch: unknown, options?: PatchOptions): Promise<Item>
  /** State of the service and its database, for people. */
  health(options?: CallOptions): Promise<Health>
  /** Calls any route by its operation id in the OpenAPI document, with the same retries and errors. */
  call: Call
}

/**
 * Makes a client. It holds no connection of its own and needs no end.
 * @throws TypeError where an option is not valid
 * @example
 * const client = createClient({ url: 'http://127.0.0.1:8000' })
 */
export const createClient = (options: ClientOptions): Client => {
  callLimits(options)
  const call = createCall(options)
  return {
    ...createItems(call, anyJson, options),
    ...createCounters(call),
    ...createTransactions(call),
    typed: (schema) => createItems(call, schemaCodec(schema), options),
    deletePrefix: async (prefix, callOptions) => (await call('deleteItems', { query: { prefix } }, callOptions)).body.deleted,
    patch: async (key, patch, patchOptions = {}) => {
      const { ttl, expires_at } = patchOptions as { ttl?: number | null; expires_at?: string | null }
      const body = {
        value: await anyJson.encode(patch),
        ...(ttl === undefined ? {} : { ttl }),
        ...(expires_at === undefined ? {} : { expires_at }),
      }
      const answer = await call('patchItem', { params: { key }, headers: conditionHeaders(patchOptions), body }, patchOptions)
      return answer.body as Item
    },
    health: async (callOptions) => (await call('health', {}, callOptions)).body,
    call,
  }
}
