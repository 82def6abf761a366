import { createBatchWrites, type DeleteEntry, type DeleteOutcome, type PutEntry, type PutOutcome } from './batch-write.js'
import type { Send } from './call.js'
import type { Changes } from './changes/changes.js'
import { checkOptions } from './check-options.js'
import type { Codec } from './codec.js'
import { type Conditions, conditionHeaders, conditionNames, entityTag } from './conditions.js'
import { named, typeName } from './describe.js'
import { InvalidArgumentError, ItemNotFoundError } from './errors.js'
import { bodyMembers, type Expiry, expiryNames, type ItemExpiry, itemExpiryNames } from './expiry.js'
import { createHistory, type GetOptions, getNames, type History, versionQuery } from './history.js'
import type { Writable } from './json-value.js'
import { type ListFilter, type ListOptions, listOptionNames, listQuery, pages } from './list.js'
import { camelCased } from './names.js'
import { type CallOptions, callLimits, callNames, type WriteOptions, writeNames } from './options.js'
import { assertKey } from './path.js'
import type { Entry, Item, Page, Response } from './types.js'
import { type UpdateOptions, updateItem } from './update.js'

/** Options of {@link Items.create}. */
export interface CreateOptions extends Expiry, WriteOptions {}
/** Options of {@link Items.put}. */
export interface PutOptions extends Expiry, Conditions, WriteOptions {}
/** Options of {@link Items.touch} and of {@link Client.patch}. */
export interface TouchOptions extends Conditions, WriteOptions {}
/** Options of {@link Items.delete}. */
export interface DeleteOptions extends Conditions, WriteOptions {}
/** Options of {@link Items.items} and {@link Items.keys}. The page size is 100 by default. */
export interface IterateOptions extends Pick<ListFilter, 'prefix' | 'pageSize' | 'startAfter' | 'reverse' | 'at'>, CallOptions {}

const createNames = { ...expiryNames, ...writeNames } satisfies Record<keyof CreateOptions, string>
const putNames = { ...expiryNames, ...conditionNames, ...writeNames } satisfies Record<keyof PutOptions, string>
export const changeNames = { ...conditionNames, ...writeNames } satisfies Record<keyof TouchOptions & keyof DeleteOptions, string>
const updateNames = { ...expiryNames, ...callNames } satisfies Record<keyof UpdateOptions, string>
const iterateNames = { prefix: '', pageSize: '', startAfter: '', reverse: '', at: '', ...callNames } satisfies Record<
  keyof IterateOptions,
  ''
>

/** Reads, writes and follows items. `In` is the type of written values, `Out` the type of read values. */
export interface Items<In, Out> extends History<Out>, Changes<Out> {
  /**
   * Reads the item, or one of its versions. Returns undefined if there is none. Does not check that the value is a `Value`;
   * `client.typed(schema)` does.
   * @throws VersionNotKeptError
   */
  get<Value extends Out = Out>(key: string, options?: GetOptions): Promise<Item<Value> | undefined>
  /** Reads the item, or one of its versions. @throws ItemNotFoundError, VersionNotKeptError */
  getOrThrow<Value extends Out = Out>(key: string, options?: GetOptions): Promise<Item<Value>>
  /** Reads the items of up to 1,000 keys as of one instant, in the order of the keys. Returns undefined for keys without an item. */
  getMany<Value extends Out = Out>(keys: readonly string[], options?: CallOptions): Promise<(Item<Value> | undefined)[]>
  /**
   * Creates or replaces up to 1,000 items in one request. A rejected item does not affect the others. If you need all or nothing, use
   * a transaction.
   */
  putMany(entries: readonly PutEntry<In>[], options?: WriteOptions): Promise<PutOutcome<Out>[]>
  /**
   * Deletes up to 1,000 items in one request, each by its key or by its key and a condition. A rejected item does not affect the others.
   */
  deleteMany(entries: readonly (string | DeleteEntry)[], options?: WriteOptions): Promise<DeleteOutcome[]>
  /** Returns whether the item exists. Does not transfer its value. */
  has(key: string, options?: CallOptions): Promise<boolean>
  /** Reads the item again. Returns the same object if it has not changed, or undefined if it does not exist any more. */
  refresh<Value extends Out>(item: Item<Value>, options?: CallOptions): Promise<Item<Value> | undefined>
  /** Creates the item. @throws ItemExistsError */
  create<Value extends In>(key: string, value: Writable<In, Value>, options?: CreateOptions): Promise<Item<Out>>
  /** Creates or replaces the item. Without an expiry it becomes permanent. @throws PreconditionFailedError */
  put<Value extends In>(key: string, value: Writable<In, Value>, options?: PutOptions): Promise<Item<Out>>
  /**
   * Changes the item without losing changes of other writers. If another writer changed the item, `change` is called again with the
   * newer value. `change` gets undefined if there is no item. If it returns undefined, the item stays unchanged.
   * @throws PreconditionFailedError if other writers keep changing the item until `totalTimeout`
   */
  update(
    key: string,
    change: (value: Out | undefined, item: Item<Out> | undefined) => In | undefined | Promise<In | undefined>,
    options?: UpdateOptions,
  ): Promise<Item<Out> | undefined>
  /**
   * Changes the expiry of the item and keeps its value.
   * @throws ItemNotFoundError, PreconditionFailedError
   * @example
   * await client.touch('session-42', { ttl: 3600 }) // seconds
   */
  touch(key: string, expiry: ItemExpiry, options?: TouchOptions): Promise<Item<Out>>
  /** Deletes the item. Returns false if there was none. @throws PreconditionFailedError */
  delete(key: string, options?: DeleteOptions): Promise<boolean>
  /** Reads a page of items, in the byte order of their keys. */
  list<const Options extends ListOptions = object>(options?: Options): Promise<Page<Entry<Out, Options>, Options>>
  /** Iterates over all items. Concurrent writes do not make it skip or repeat other items. */
  items(options?: IterateOptions): AsyncGenerator<Item<Out>, void, undefined>
  /** Iterates over all keys, without transferring values. */
  keys(options?: IterateOptions): AsyncGenerator<string, void, undefined>
}

type ItemBody = Response<'putItem', 200>

/** Resolves with undefined instead of an {@link ItemNotFoundError}. */
export const orUndefined = async <T>(result: Promise<T>): Promise<T | undefined> => {
  try {
    return await result
  } catch (error) {
    if (error instanceof ItemNotFoundError) return undefined
    throw error
  }
}

/** Creates the methods of items that read and write them. */
export const createItems = <In, Out>(send: Send, codec: Codec<In, Out>, client: CallOptions): Omit<Items<In, Out>, keyof Changes<Out>> => {
  const decoded = async <Value extends Out>(body: ItemBody): Promise<Item<Value>> => {
    const { value } = body as { value?: unknown }
    return { ...camelCased(body), value: (await codec.decode(value, body.key)) as Value }
  }

  const read = async <Value extends Out>(method: string, key: string, options: GetOptions = {}): Promise<Item<Value>> => {
    const what = named(method, key)
    checkOptions(what, options, getNames, true)
    const args = { params: { key }, query: versionQuery(what, options) }
    return decoded<Value>((await send(what, 'getItem', args, options)).body as ItemBody)
  }

  const get = <Value extends Out>(key: string, options?: GetOptions) => orUndefined(read<Value>('get', key, options))

  const getMany = async <Value extends Out>(keys: readonly string[], options: CallOptions = {}): Promise<(Item<Value> | undefined)[]> => {
    checkOptions('getMany', options, callNames, true)
    if (!Array.isArray(keys)) throw new InvalidArgumentError(`getMany: keys must be an array, not ${typeName(keys)}`)
    const { body } = await send('getMany', 'getItems', { body: { keys: [...keys] } }, options)
    return Promise.all(body.items.map((item) => (item === null ? undefined : decoded<Value>(item))))
  }

  const put = async (key: string, value: In, options: PutOptions = {}): Promise<Item<Out>> => {
    const what = named('put', key)
    checkOptions(what, options, putNames)
    const body = { value: await codec.encode(what, value), ...bodyMembers(what, options, expiryNames) }
    const response = await send(what, 'putItem', { params: { key }, headers: conditionHeaders(what, options), body }, options)
    return decoded(response.body)
  }

  const create = async (key: string, value: In, options: CreateOptions = {}): Promise<Item<Out>> => {
    const what = named('create', key)
    assertKey(what, key)
    checkOptions(what, options, createNames)
    const body = { key, value: await codec.encode(what, value), ...bodyMembers(what, options, expiryNames) }
    return decoded((await send(what, 'createItem', { body }, options)).body)
  }

  const touch = async (key: string, expiry: ItemExpiry, options: TouchOptions = {}): Promise<Item<Out>> => {
    const what = named('touch', key)
    if (typeof expiry !== 'object' || expiry === null)
      throw new InvalidArgumentError(`${what}: the expiry must be an object such as { ttl: 60 }, not ${typeName(expiry)}`)
    checkOptions(what, expiry, itemExpiryNames)
    checkOptions(what, options, changeNames)
    const args = { params: { key }, headers: conditionHeaders(what, options), body: bodyMembers(what, expiry, itemExpiryNames) }
    return decoded((await send(what, 'patchItem', args, options)).body)
  }

  const list = async (options: ListOptions = {}): Promise<Page<Item<Out>, ListOptions>> => {
    checkOptions('list', options, listOptionNames, true)
    const { body } = await send('list', 'listItems', { query: listQuery(options) }, options)
    const { items, prefixes, ...page } = body
    return {
      ...camelCased(page),
      prefixes,
      items: options.keysOnly ? (camelCased(items) as unknown as Item<Out>[]) : await Promise.all(items.map((item) => decoded(item))),
    }
  }

  const iterate = (method: string, options: IterateOptions = {}, more: Pick<ListFilter, 'keysOnly'> = {}) => {
    checkOptions(method, options, iterateNames, true)
    return pages(list, { ...options, ...more })
  }

  return {
    get,
    getOrThrow: (key, options) => read('getOrThrow', key, options),
    getMany,
    ...createBatchWrites(send, codec, decoded),
    ...createHistory<Out>(send, decoded),
    // Not HEAD, because its error responses have no body, so a wrong url would look like a missing item.
    has: async (key, options = {}) => {
      const what = named('has', key)
      checkOptions(what, options, callNames, true)
      const args = { params: { key }, headers: { 'if-none-match': '*' } }
      return (await orUndefined(send(what, 'getItem', args, options))) !== undefined
    },
    refresh: async <Value extends Out>(item: Item<Value>, options: CallOptions = {}) => {
      const what = named('refresh', item?.key)
      checkOptions(what, options, callNames, true)
      if (typeof item?.version !== 'string') throw new InvalidArgumentError(`${what}: the item must be an item that the client returned`)
      const args = { params: { key: item.key }, headers: { 'if-none-match': entityTag(item.version) } }
      const response = await orUndefined(send(what, 'getItem', args, options))
      if (response === undefined || response.status === 304) return response && item
      return decoded<Value>(response.body)
    },
    create: create as Items<In, Out>['create'],
    put: put as Items<In, Out>['put'],
    touch,
    update: async (key, change, options = {}) => {
      const what = named('update', key)
      checkOptions(what, options, updateNames)
      if (typeof change !== 'function') throw new InvalidArgumentError(`${what}: change must be a function, not ${typeName(change)}`)
      return updateItem({ get, put }, key, change, options, callLimits(options, client).totalTimeout)
    },
    delete: async (key, options = {}) => {
      const what = named('delete', key)
      checkOptions(what, options, changeNames)
      const args = { params: { key }, headers: conditionHeaders(what, options) }
      return (await orUndefined(send(what, 'deleteItem', args, options))) !== undefined
    },
    list: list as Items<In, Out>['list'],
    items: (options) => iterate('items', options),
    keys: async function* (options) {
      for await (const { key } of iterate('keys', options, { keysOnly: true })) yield key
    },
  }
}
