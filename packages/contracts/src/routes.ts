import * as items from './items.js'
import * as system from './system.js'

/** Every route of the API by its operation id. Server, document, client and tests walk this tree. */
export const routes = {
  createItem: items.createItem,
  listItems: items.listItems,
  deleteItems: items.deleteItems,
  getItem: items.getItem,
  headItem: items.headItem,
  putItem: items.putItem,
  deleteItem: items.deleteItem,
  health: system.health,
  live: system.live,
  ready: system.ready,
  openapi: system.openapi,
  docs: system.docs,
  docsAsset: system.docsAsset,
  problems: system.problems,
  problem: system.problem,
} as const

export type Routes = typeof routes
/** Operation id of a route, such as `putItem`. */
export type RouteId = keyof Routes
