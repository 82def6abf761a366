import type { Send } from './call.js'
import { checkOptions } from './check-options.js'
import { named } from './describe.js'
import { bodyMembers } from './expiry.js'
import { camelCased, type WireNames } from './names.js'
import { type CallOptions, callNames, type WriteOptions, writeNames } from './options.js'
import type { ApiKey, Body, NamespaceInfo } from './types.js'

/** Settings of a namespace. Changes take effect for new writes within 5 seconds on every replica. */
export interface NamespaceSettings {
  /**
   * Time to live of an item that is written without an expiry. Null: it is permanent.
   * @unit seconds
   * @default null
   */
  readonly defaultTtl?: number | null
  /**
   * The longest time to live of an item. Null for no limit.
   * @unit seconds
   * @default null
   */
  readonly maxTtl?: number | null
  /**
   * The largest JSON text of a value, if less than the limit of the service. Null for the limit of the service.
   * @unit bytes
   * @default null
   */
  readonly maxValueBytes?: number | null
  /**
   * The largest number of live items. Null for no limit.
   * @default null
   */
  readonly maxItems?: number | null
  /**
   * How many old versions of each key are kept, 1 to 1,000. Null for no limit, or for no history if `historySeconds` is null too.
   * @default null
   */
  readonly historyCount?: number | null
  /**
   * How long old versions are kept after they ended. Null for no limit, or for no history if `historyCount` is null too.
   * @unit seconds
   * @default null
   */
  readonly historySeconds?: number | null
}

/** A namespace to create. */
export interface NewNamespace extends NamespaceSettings {
  /** 1 to 63 characters of a-z, 0-9 and -, not starting with -. */
  readonly name: string
}

/** An API key to create. */
export interface NewApiKey {
  /**
   * A label for people, at most 200 characters.
   * @default ''
   */
  readonly name?: string
  /** The permissions of the key: read items, write items, manage namespaces and API keys. No scope includes another. */
  readonly scopes: Body<'createApiKey'>['scopes']
  /**
   * The allowed namespaces. Null for all.
   * @default null
   */
  readonly namespaces?: string[] | null
  /**
   * Only item keys that start with this text can be read and written. Null for all.
   * @default null
   */
  readonly prefix?: string | null
  /**
   * Requests in a window. Null for the service's default.
   * @default null
   */
  readonly rateLimit?: number | null
  /**
   * Time from now until the key expires. Null for never.
   * @unit seconds
   * @default null
   */
  readonly ttl?: number | null
  /**
   * The time at which the key expires: a Date or an RFC 3339 time. Null for never.
   * @default null
   */
  readonly expiresAt?: string | Date | null
}

/** Manages namespaces. Needs an API key with the scope `admin`. */
export interface Namespaces {
  /** Iterates over all namespaces by name. */
  list(options?: CallOptions): AsyncGenerator<NamespaceInfo, void, undefined>
  /** Reads a namespace and its settings. */
  get(name: string, options?: CallOptions): Promise<NamespaceInfo>
  /** Creates a namespace with settings. The first write to a namespace also creates it, without settings. */
  create(settings: NewNamespace, options?: WriteOptions): Promise<NamespaceInfo>
  /** Changes the given settings. */
  update(name: string, settings: NamespaceSettings, options?: WriteOptions): Promise<NamespaceInfo>
  /** Deletes a namespace and its items, in several transactions. Returns the number of deleted items. */
  delete(name: string, options?: WriteOptions): Promise<number>
}

/** Manages API keys. Needs an API key with the scope `admin`. */
export interface ApiKeys {
  /** Lists all API keys, without their secrets. */
  list(options?: CallOptions): Promise<readonly ApiKey[]>
  /** Creates an API key. Only this response contains its `apiKey`, which is not stored. */
  create(key: NewApiKey, options?: WriteOptions): Promise<ApiKey & { readonly apiKey: string }>
  /** Revokes an API key, within 5 seconds on every replica. */
  delete(id: string, options?: WriteOptions): Promise<void>
}

const settingNames = {
  defaultTtl: 'default_ttl',
  maxTtl: 'max_ttl',
  maxValueBytes: 'max_value_bytes',
  maxItems: 'max_items',
  historyCount: 'history_count',
  historySeconds: 'history_seconds',
} as const satisfies Record<keyof NamespaceSettings, string> & WireNames<Body<'patchNamespace'>>

const newNamespaceNames = { name: 'name', ...settingNames } as const satisfies WireNames<Body<'createNamespace'>>

const newApiKeyNames = {
  name: 'name',
  scopes: 'scopes',
  namespaces: 'namespaces',
  prefix: 'prefix',
  rateLimit: 'rate_limit',
  ttl: 'ttl',
  expiresAt: 'expires_at',
} as const satisfies Record<keyof NewApiKey, string> & WireNames<Body<'createApiKey'>>

/** Checks an object of settings and returns it as a request body. */
const bodyOf = <T>(what: string, settings: object, names: Readonly<Record<string, string>>): T => {
  checkOptions(what, settings, names)
  return bodyMembers(what, settings, names) as T
}

export const createNamespaces = (send: Send): Namespaces => ({
  list: async function* (options = {}) {
    const what = 'namespaces.list'
    checkOptions(what, options, callNames, true)
    let cursor: string | undefined
    do {
      const { body } = await send(what, 'listNamespaces', { query: cursor === undefined ? {} : { cursor } }, options)
      yield* camelCased(body.namespaces)
      cursor = body.next_cursor ?? undefined
    } while (cursor !== undefined)
  },
  get: async (namespace, options = {}) => {
    const what = named('namespaces.get', namespace)
    checkOptions(what, options, callNames, true)
    return camelCased((await send(what, 'getNamespace', { params: { namespace } }, options)).body)
  },
  create: async (settings, options = {}) => {
    const what = named('namespaces.create', settings?.name)
    checkOptions(what, options, writeNames)
    const body = bodyOf<Body<'createNamespace'>>(what, settings, newNamespaceNames)
    return camelCased((await send(what, 'createNamespace', { body }, options)).body)
  },
  update: async (namespace, settings, options = {}) => {
    const what = named('namespaces.update', namespace)
    checkOptions(what, options, writeNames)
    const body = bodyOf<Body<'patchNamespace'>>(what, settings, settingNames)
    return camelCased((await send(what, 'patchNamespace', { params: { namespace }, body }, options)).body)
  },
  delete: async (namespace, options = {}) => {
    const what = named('namespaces.delete', namespace)
    checkOptions(what, options, writeNames)
    return (await send(what, 'deleteNamespace', { params: { namespace } }, options)).body.deleted
  },
})

export const createApiKeys = (send: Send): ApiKeys => ({
  list: async (options = {}) => {
    checkOptions('apiKeys.list', options, callNames, true)
    return camelCased((await send('apiKeys.list', 'listApiKeys', {}, options)).body.api_keys)
  },
  create: async (key, options = {}) => {
    checkOptions('apiKeys.create', options, writeNames)
    const body = bodyOf<Body<'createApiKey'>>('apiKeys.create', key, newApiKeyNames)
    return camelCased((await send('apiKeys.create', 'createApiKey', { body }, options)).body)
  },
  delete: async (id, options = {}) => {
    const what = named('apiKeys.delete', id)
    checkOptions(what, options, writeNames)
    await send(what, 'deleteApiKey', { params: { id } }, options)
  },
})
