import type { Call } from './call.js'
import type { CallOptions, WriteOptions } from './options.js'
import type { ApiKey, Body, NamespaceInfo } from './types.js'

/** Manages namespaces. Wants a key with the scope `admin`. */
export interface Namespaces {
  /** All namespaces in the order of their names. */
  list(options?: CallOptions): AsyncGenerator<NamespaceInfo, void, undefined>
  get(name: string, options?: CallOptions): Promise<NamespaceInfo>
  /** Makes a namespace with settings; one without needs not be made. */
  create(settings: Body<'createNamespace'>, options?: WriteOptions): Promise<NamespaceInfo>
  /** Changes the settings that are given. */
  update(name: string, settings: Body<'patchNamespace'>, options?: WriteOptions): Promise<NamespaceInfo>
  /** Removes it with all its items; answers how many. Not one transaction. */
  delete(name: string, options?: WriteOptions): Promise<number>
}

/** Manages API keys. Wants a key with the scope `admin`. */
export interface ApiKeys {
  list(options?: CallOptions): Promise<readonly ApiKey[]>
  /** Makes a key, whose `api_key` is shown just now. */
  create(key: Body<'createApiKey'>, options?: WriteOptions): Promise<ApiKey & { readonly api_key: string }>
  /** Revokes a key: within 5 seconds nobody takes it any more. */
  delete(id: string, options?: WriteOptions): Promise<void>
}

export const createNamespaces = (call: Call): Namespaces => ({
  list: async function* (options) {
    let cursor: string | undefined
    do {
      const { body } = await call('listNamespaces', { query: cursor === undefined ? {} : { cursor } }, options)
      yield* body.namespaces
      cursor = body.next_cursor ?? undefined
    } while (cursor !== undefined)
  },
  get: async (namespace, options) => (await call('getNamespace', { params: { namespace } }, options)).body,
  create: async (body, options) => (await call('createNamespace', { body }, options)).body,
  update: async (namespace, body, options) => (await call('patchNamespace', { params: { namespace }, body }, options)).body,
  delete: async (namespace, options) => (await call('deleteNamespace', { params: { namespace } }, options)).body.deleted,
})

export const createApiKeys = (call: Call): ApiKeys => ({
  list: async (options) => (await call('listApiKeys', {}, options)).body.api_keys,
  create: async (body, options) => (await call('createApiKey', { body }, options)).body,
  delete: async (id, options) => {
    await call('deleteApiKey', { params: { id } }, options)
  },
})
