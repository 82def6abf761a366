import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type ApiKeys, createApiKeys, createNamespaces, type Namespaces } from './administration.js'
import { type Call, createCall, createSend } from './call.js'
import { createChanges } from './changes/changes.js'
import { checkOptions } from './check-options.js'
import { anyJson, type Codec, schemaCodec } from './codec.js'
import { conditionHeaders, conditionNames } from './conditions.js'
import { type Counters, createCounters } from './counters.js'
import { named, typeName } from './describe.js'
import { InvalidArgumentError } from './errors.js'
import { bodyMembers, type ItemExpiry, itemExpiryNames } from './expiry.js'
import { changeNames, createItems, type DeleteOptions, type Items, orUndefined, type TouchOptions } from './items.js'
import { createLocks, type Locks } from './lock.js'
import { camelCased } from './names.js'
import { type CallOptions, type ClientOptions, callLimits, callNames, type WriteOptions, writeNames } from './options.js'
import { createTransactions, type Transactions } from './transaction.js'
import { createTransport } from './transport.js'
import type { Health, Item } from './types.js'

/** Options of {@link Client.patch}. Without an expiry, the item keeps its own. */
export type PatchOptions = TouchOptions & (ItemExpiry | { readonly ttl?: never; readonly expiresAt?: never })

/** A client of a service. */
export interface Client extends Items<unknown, unknown>, Counters, Locks, Transactions {
  /**
   * Returns the same methods for values of a Standard Schema (zod, valibot, arktype), which checks values when they are written and
   * read.
   * @example
   * const sessions = client.typed(z.object({ user: z.int() }))
   * await sessions.put('session-42', { user: 7 }, { ttl: 3600 })
   */
  typed<Schema extends StandardSchemaV1>(schema: Schema): Items<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>>
  /**
   * Reads the item and deletes it in one step. Returns undefined if there was none. If several callers compete, one gets the item.
   * @throws PreconditionFailedError
   */
  getAndDelete<Value = unknown>(key: string, options?: DeleteOptions): Promise<Item<Value> | undefined>
  /** Deletes all items whose key starts with a non-empty prefix, in several transactions. Returns the number of deleted items. */
  deletePrefix(prefix: string, options?: WriteOptions): Promise<number>
  /**
   * Changes parts of an item with a JSON merge patch (RFC 7396). Members of an object are set, or removed if they are null. Anything
   * else replaces the value.
   * @throws ItemNotFoundError, PreconditionFailedError
   */
  patch(key: string, patch: unknown, options?: PatchOptions): Promise<Item>
  /** Returns a client for the items of another namespace. @throws InvalidArgumentError or TypeError if the name is not valid */
  namespace(name: string): Client
  /** Manages namespaces. */
  readonly namespaces: Namespaces
  /** Manages API keys. */
  readonly apiKeys: ApiKeys
  /** Reads the state of the service and its database. */
  health(options?: CallOptions): Promise<Health>
  /**
   * Calls any route by its operation id in the OpenAPI document, with the same retries and errors. Arguments and results have
   * the names of the API (`expires_at`), as in that document.
   */
  call: Call
}

const patchNames = { ...itemExpiryNames, ...conditionNames, ...writeNames } satisfies Record<keyof PatchOptions, string>

/**
 * Creates a client. It holds no resources and needs no cleanup.
 * @throws TypeError if an option is not valid, or if neither `url` nor `HOLDFAST_URL` is set
 * @example
 * const client = createClient({ url: 'http://127.0.0.1:8000' })
 */
export const createClient = (options: ClientOptions = {}): Client => {
  const transport = createTransport(options)
  const send = createSend(transport, options)
  callLimits(options)
  const itemsOf = <In, Out>(codec: Codec<In, Out>): Items<In, Out> => ({
    ...createItems(send, codec, options),
    ...createChanges(send, { transport, client: options }, codec),
  })
  return {
    ...itemsOf(anyJson),
    ...createCounters(send),
    ...createLocks(send),
    ...createTransactions(send),
    typed: (schema) => {
      if (typeof schema?.['~standard']?.validate !== 'function') {
        throw new InvalidArgumentError('typed: the schema must be a Standard Schema (https://standardschema.dev), such as a zod schema')
      }
      return itemsOf(schemaCodec(schema))
    },
    getAndDelete: async <Value>(key: string, deleteOptions: DeleteOptions = {}) => {
      const what = named('getAndDelete', key)
      checkOptions(what, deleteOptions, changeNames)
      const headers = { ...conditionHeaders(what, deleteOptions), prefer: 'return=representation' }
      const response = await orUndefined(send(what, 'deleteItem', { params: { key }, headers }, deleteOptions))
      return response && (camelCased(response.body) as Item<Value>)
    },
    deletePrefix: async (prefix, callOptions = {}) => {
      const what = named('deletePrefix', prefix)
      checkOptions(what, callOptions, writeNames)
      if (typeof prefix !== 'string') throw new InvalidArgumentError(`deletePrefix: the prefix must be a string, not ${typeName(prefix)}`)
      return (await send(what, 'deleteItems', { query: { prefix } }, callOptions)).body.deleted
    },
    patch: async (key, patch, patchOptions = {}) => {
      const what = named('patch', key)
      checkOptions(what, patchOptions, patchNames)
      const body = { value: anyJson.encodeNow(what, patch), ...bodyMembers(what, patchOptions, itemExpiryNames) }
      const args = { params: { key }, headers: conditionHeaders(what, patchOptions), body }
      return camelCased((await send(what, 'patchItem', args, patchOptions)).body) as Item
    },
    namespace: (name) => {
      // Undefined would mean the default namespace.
      if (typeof name !== 'string') throw new InvalidArgumentError(`namespace: the name must be a string, not ${typeName(name)}`)
      return createClient({ ...options, namespace: name })
    },
    namespaces: createNamespaces(send),
    apiKeys: createApiKeys(send),
    health: async (callOptions = {}) => {
      checkOptions('health', callOptions, callNames, true)
      return camelCased((await send('health', 'health', {}, callOptions)).body)
    },
    call: createCall(send),
  }
}
