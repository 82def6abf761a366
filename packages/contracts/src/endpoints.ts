/** The address of a route and whether it writes. A client needs nothing else at run time, so it loads no schemas. */
export interface Endpoint {
  readonly method: 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete'
  /** The path with `{name}` parameters, without a trailing slash. */
  readonly path: `/${string}`
  /** Whether the route changes no data (RFC 9110 section 9.2.1). */
  readonly safe: boolean
  /** Whether the route is about the items of a namespace. It then also exists under the path of each namespace. */
  readonly namespaced?: true
  /** Whether a write has no idempotency record, so that a retry may be applied again. */
  readonly unrecorded?: true
}

/** The namespace of routes without a namespace in their path. */
export const defaultNamespace = 'default'

/** Returns the path of a namespaced route with a parameter for the namespace. */
export const namespacedPath = (path: string): `/${string}` => `/namespaces/{namespace}${path}`

/** The address of every route by its operation id. */
export const endpoints = {
  createItem: { method: 'post', path: '/items', safe: false, namespaced: true },
  listItems: { method: 'get', path: '/items', safe: true, namespaced: true },
  deleteItems: { method: 'delete', path: '/items', safe: false, namespaced: true },
  getItem: { method: 'get', path: '/items/{key}', safe: true, namespaced: true },
  headItem: { method: 'head', path: '/items/{key}', safe: true, namespaced: true },
  putItem: { method: 'put', path: '/items/{key}', safe: false, namespaced: true },
  getItems: { method: 'post', path: '/batch/get', safe: true, namespaced: true },
  putItems: { method: 'post', path: '/batch/put', safe: false, namespaced: true },
  deleteManyItems: { method: 'post', path: '/batch/delete', safe: false, namespaced: true },
  transact: { method: 'post', path: '/transactions', safe: false, namespaced: true },
  patchItem: { method: 'patch', path: '/items/{key}', safe: false, namespaced: true },
  incrementItem: { method: 'post', path: '/items/{key}/increment', safe: false, namespaced: true },
  deleteItem: { method: 'delete', path: '/items/{key}', safe: false, namespaced: true },
  watch: { method: 'get', path: '/watch', safe: true, namespaced: true },
  watchMany: { method: 'post', path: '/watch', safe: true, namespaced: true },
  listChanges: { method: 'get', path: '/changes', safe: true, namespaced: true },
  listItemVersions: { method: 'get', path: '/items/{key}/versions', safe: true, namespaced: true },
  restoreItem: { method: 'post', path: '/items/{key}/restore', safe: false, namespaced: true },
  listNamespaces: { method: 'get', path: '/namespaces', safe: true },
  createNamespace: { method: 'post', path: '/namespaces', safe: false, unrecorded: true },
  getNamespace: { method: 'get', path: '/namespaces/{namespace}', safe: true },
  patchNamespace: { method: 'patch', path: '/namespaces/{namespace}', safe: false, unrecorded: true },
  deleteNamespace: { method: 'delete', path: '/namespaces/{namespace}', safe: false, unrecorded: true },
  listApiKeys: { method: 'get', path: '/api-keys', safe: true },
  createApiKey: { method: 'post', path: '/api-keys', safe: false, unrecorded: true },
  deleteApiKey: { method: 'delete', path: '/api-keys/{id}', safe: false, unrecorded: true },
  landing: { method: 'get', path: '/', safe: true },
  health: { method: 'get', path: '/health', safe: true },
  live: { method: 'get', path: '/health/live', safe: true },
  ready: { method: 'get', path: '/health/ready', safe: true },
  metrics: { method: 'get', path: '/metrics', safe: true },
  openapi: { method: 'get', path: '/openapi.json', safe: true },
  docs: { method: 'get', path: '/docs', safe: true },
  docsAsset: { method: 'get', path: '/docs/{file}', safe: true },
  problems: { method: 'get', path: '/problems', safe: true },
  problem: { method: 'get', path: '/problems/{code}', safe: true },
  getKey: { method: 'get', path: '/keys/{key}', safe: true },
  putKey: { method: 'put', path: '/keys/{key}', safe: false },
  postKey: { method: 'post', path: '/keys/{key}', safe: false },
  deleteKey: { method: 'delete', path: '/keys/{key}', safe: false },
  getRootKey: { method: 'get', path: '/{key}', safe: true },
  postRootKey: { method: 'post', path: '/{key}', safe: false },
} as const satisfies Record<string, Endpoint>
