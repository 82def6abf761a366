/** Where a route is and whether it writes: all that a client needs of it at run time, so that it loads no schema. */
export interface Endpoint {
  readonly method: 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete'
  /** Path with `{name}` parameters, without a trailing slash. */
  readonly path: `/${string}`
  /** Whether it leaves the data as it is (RFC 9110 section 9.2.1). */
  readonly safe: boolean
}

/** The address of every route by its operation id. */
export const endpoints = {
  createItem: { method: 'post', path: '/items', safe: false },
  listItems: { method: 'get', path: '/items', safe: true },
  deleteItems: { method: 'delete', path: '/items', safe: false },
  getItem: { method: 'get', path: '/items/{key}', safe: true },
  headItem: { method: 'head', path: '/items/{key}', safe: true },
  putItem: { method: 'put', path: '/items/{key}', safe: false },
  getItems: { method: 'post', path: '/batch/get', safe: true },
  transact: { method: 'post', path: '/transactions', safe: false },
  patchItem: { method: 'patch', path: '/items/{key}', safe: false },
  incrementItem: { method: 'post', path: '/items/{key}/increment', safe: false },
  deleteItem: { method: 'delete', path: '/items/{key}', safe: false },
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
