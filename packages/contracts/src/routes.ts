import * as apiKeys from './api-keys.js'
import * as batch from './batch.js'
import * as counters from './counters.js'
import type { endpoints } from './endpoints.js'
import * as history from './history.js'
import * as items from './items.js'
import * as legacy from './legacy.js'
import * as lists from './lists.js'
import * as namespaces from './namespaces.js'
import type { RouteContract } from './route.js'
import * as system from './system.js'
import * as transactions from './transactions.js'
import * as watch from './watch.js'

/**
 * Every route of the API by its operation id. The server, the OpenAPI document, the client and the tests use this table. A route that is
 * missing here or in `endpoints.ts` is a compile error.
 */
export const routes = {
  createItem: items.createItem,
  listItems: lists.listItems,
  deleteItems: lists.deleteItems,
  getItem: items.getItem,
  headItem: items.headItem,
  putItem: items.putItem,
  patchItem: items.patchItem,
  incrementItem: counters.incrementItem,
  deleteItem: items.deleteItem,
  listItemVersions: history.listItemVersions,
  restoreItem: history.restoreItem,
  getItems: batch.getItems,
  putItems: batch.putItems,
  deleteManyItems: batch.deleteManyItems,
  transact: transactions.transact,
  watch: watch.watch,
  watchMany: watch.watchMany,
  listChanges: watch.listChanges,
  listNamespaces: namespaces.listNamespaces,
  createNamespace: namespaces.createNamespace,
  getNamespace: namespaces.getNamespace,
  patchNamespace: namespaces.patchNamespace,
  deleteNamespace: namespaces.deleteNamespace,
  listApiKeys: apiKeys.listApiKeys,
  createApiKey: apiKeys.createApiKey,
  deleteApiKey: apiKeys.deleteApiKey,
  landing: system.landing,
  health: system.health,
  live: system.live,
  ready: system.ready,
  metrics: system.metrics,
  openapi: system.openapi,
  docs: system.docs,
  docsAsset: system.docsAsset,
  problems: system.problems,
  problem: system.problem,
  getKey: legacy.getKey,
  putKey: legacy.putKey,
  postKey: legacy.postKey,
  deleteKey: legacy.deleteKey,
  getRootKey: legacy.getRootKey,
  postRootKey: legacy.postRootKey,
} as const satisfies { readonly [Id in keyof typeof endpoints]: RouteContract & (typeof endpoints)[Id] }

export type Routes = typeof routes
/** Operation id of a route, such as `putItem`. */
export type RouteId = keyof Routes
