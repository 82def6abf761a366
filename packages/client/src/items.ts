import type { Call } from './call.js'
import type { Codec } from './codec.js'
import { type Conditions, conditionHeaders, quoted } from './conditions.js'
import { ItemNotFoundError } from './errors.js'
import { listQuery, pages } from './list.js'
import { bodyMembers, type CallOptions, callLimits, type WriteOptions } from './options.js'
import type { Entry, Expiry, Item, ItemExpiry, ListFilter, Page } from './types.js'
import { updateItem } from './update.js'

/** Options of {@link Items.create}. */
export interface CreateOptions extends Expiry, WriteOptions {}
/** Options of {@link Items.put}. */
export interface PutOptions extends Expiry, Conditions, WriteOptions {}
/** Options of {@link Items.touch} and of {@link Client.patch}. */
export interface TouchOptions extends Conditions, WriteOptions {}
/** Options of {@link Items.delete}. */
export interface DeleteOptions extends Conditions, WriteOptions {}
/** Options of {@link Items.update}. Without an expiry the item keeps the one that it has. */
export interface UpdateOptions extends Expiry, CallOptions {}
/** Options of {@link Items.list}. */
export interface ListOptions extends ListFilter, CallOptions {}
/** Options of {@link Items.items} and {@link Items.keys}. */
export interface IterateOptions extends Pick<ListFilter, 'prefix' | 'page_size'>, CallOptions {}

/** Reads and writes items. `In` is what values are written as, `Out` what they are read as. */
export interface Items<In, Out> {
  /** The item; undefined where there is none. `Value` is taken on trust: `client.typed(schema)` checks it. */
  get<Value extends Out = Out>(key: string, options?: CallOptions): Promise<Item<Value> | undefined>
  /** The item. @throws ItemNotFoundError */
  getOrThrow<Value extends Out = Out>(key: string, options?: CallOptions): Promise<Item<Value>>
  /** The items of up to 1000 keys as they are at one instant, in their order; undefined where there is none. */
  getMany<Value extends Out = Out>(keys: readonly string[], options?: CallOptions): Promise<(Item<Value> | undefined)[]>
  /** Whether there is such an item; its value is not transferred. */
  has(key: string, options?: CallOptions): Promise<boolean>
  /** The item as it is now: the same object where it has not changed, undefined where it is gone. */
  refresh<Value extends Out>(item: Item<Value>, options?: CallOptions): Promise<Item<Value> | undefined>
  /** Creates the item. @throws ItemExistsError */
  create(key: string, value: In, options?: CreateOptions): Promise<Item<Out>>
  /** Creates or replaces the item. Without an expiry it becomes permanent. @throws PreconditionFailedError */
  put(key: string, value: In, options?: PutOptions): Promise<Item<Out>>
  /**
   * Changes the item by what it is, and never over a change of somebody else: where one comes between, `change` is called
   * again with the newer value. `change` gets undefined where there is no item, and leaves things as they are by returning
   * undefined.
   * @throws PreconditionFailedError where others keep winning until `totalTimeout`
   */
  update(
    key: string,
    change: (value: Out | undefined, item: Item<Out> | undefined) => In | undefined | Promise<In | undefined>,
    options?: UpdateOptions,
  ): Promise<Item<Out> | undefined>
  /** Changes when the item expires, from now on, and leaves its value: a `ttl`, an `expires_at`, or null in one of them for never. @throws ItemNotFoundError, PreconditionFailedError */
  touch(key: string, expiry: ItemExpiry, options?: TouchOptions): Promise<Item<Out>>
  /** Removes the item for good; false where there was none. @throws PreconditionFailedError */
  delete(key: string, options?: DeleteOptions): Promise<boolean>
  /** One page of items, in the order of their keys' bytes. */
  list<const Options extends ListOptions = object>(options?: Options): Promise<Page<Entry<Out, Options>, Options>>
  /** Every item, page after page. What is written meanwhile makes it skip or repeat nothing else. */
  items(options?: IterateOptions): AsyncGenerator<Item<Out>, void, undefined>
  /** The same without values. */
  keys(options?: IterateOptions): AsyncGenerator<string, void, undefined>
}

/** The methods of items over a call and a codec. */
export const createItems = <In, Out>(call: Call, codec: Codec<In, Out>, client: CallOptions): Items<In, Out> => {
  const decoded = async <Value extends Out>(item: Omit<Item, 'value'> & { value?: unknown }): Promise<Item<Value>> => ({
    ...item,
    value: (await codec.decode(item.value, item.key)) as Value,
  })

  const getOrThrow = async <Value extends Out>(key: string, options?: CallOptions): Promise<Item<Value>> => {
    const { body } = await call('getItem', { params: { key } }, options)
    return decoded<Value>(body as Item)
  }

  const getMany = async <Value extends Out>(keys: readonly string[], options?: CallOptions): Promise<(Item<Value> | undefined)[]> => {
    const { body } = await call('getItems', { body: { keys: [...keys] } }, options)
    return Promise.all(body.items.map((item) => (item === null ? undefined : decoded<Value>(item))))
  }

  const put = async (key: string, value: In, options: PutOptions = {}): Promise<Item<Out>> => {
    const body = { value: await codec.encode(value), ...bodyMembers(options) }
    const answer = await call('putItem', { params: { key }, headers: conditionHeaders(options), body }, options)
    return decoded(answer.body)
  }

  const create = async (key: string, value: In, options: CreateOptions = {}): Promise<Item<Out>> => {
    const answer = await call('createItem', { body: { key, value: await codec.encode(value), ...bodyMembers(options) } }, options)
    return decoded(answer.body)
  }

  const touch = async (key: string, body: ItemExpiry, options: TouchOptions = {}): Promise<Item<Out>> =>
    decoded((await call('patchItem', { params: { key }, headers: conditionHeaders(options), body }, options)).body)

  const orUndefined = async <T>(result: Promise<T>): Promise<T | undefined> => {
    try {
      return await result
    } catch (error) {
      if (error instanceof ItemNotFoundError) return undefined
      throw error
    }
  }

  const list = async (options: ListOptions = {}): Promise<Page<Item<Out>, ListOptions>> => {
    const { body } = await call('listItems', { query: listQuery(options) }, options)
    const items = options.keys_only ? (body.items as Item<Out>[]) : await Promise.all(body.items.map((item) => decoded(item)))
    return { ...body, prefixes: body.prefixes, items }
  }

  const get = <Value extends Out>(key: string, options?: CallOptions) => orUndefined(getOrThrow<Value>(key, options))

  return {
    get,
    getOrThrow,
    getMany,
    // Not HEAD: the refusal of one has no body, so a wrong url would look like an item that is not there.
    has: async (key, options) =>
      (await orUndefined(call('getItem', { params: { key }, headers: { 'if-none-match': '*' } }, options))) !== undefined,
    refresh: async <Value extends Out>(item: Item<Value>, options?: CallOptions) => {
      const args = { params: { key: item.key }, headers: { 'if-none-match': quoted(item.version) } }
      const answer = await orUndefined(call('getItem', args, options))
      if (answer === undefined || answer.status === 304) return answer && item
      return decoded<Value>(answer.body)
    },
    create,
    put,
    touch,
    update: (key, change, options = {}) => updateItem({ get, put }, key, change, options, callLimits(options, client).totalTimeout),
    delete: async (key, options = {}) =>
      (await orUndefined(call('deleteItem', { params: { key }, headers: conditionHeaders(options) }, options))) !== undefined,
    list: list as Items<In, Out>['list'],
    items: (options) => pages(list, options),
    keys: async function* (options) {
      for await (const { key } of pages(list, { ...options, keys_only: true })) yield key
    },
  }
}
