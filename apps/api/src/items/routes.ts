import type { ItemVersions } from '../history/item-versions.js'
import type { Handlers } from '../http/handler.js'
import { incrementItem } from './increment-route.js'
import type { ItemStore } from './item-store.js'
import { deleteItems, listItems } from './range-routes.js'
import { getItem, getItems } from './read-routes.js'
import { createItem, deleteItem, patchItem, putItem } from './write-routes.js'

export type ItemHandlers = Pick<
  Handlers,
  'createItem' | 'listItems' | 'deleteItems' | 'getItem' | 'getItems' | 'putItem' | 'patchItem' | 'incrementItem' | 'deleteItem'
>

/** The handlers of items. Each turns a request into an operation, and its result into a response. */
export const itemHandlers = (store: ItemStore, versions: ItemVersions): ItemHandlers => ({
  createItem: createItem(store),
  listItems: listItems(store),
  deleteItems: deleteItems(store),
  getItem: getItem(store, versions),
  getItems: getItems(store),
  putItem: putItem(store),
  patchItem: patchItem(store),
  incrementItem: incrementItem(store),
  deleteItem: deleteItem(store),
})
