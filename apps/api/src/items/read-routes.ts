import type { RouteInput, Routes } from '@holdfast/contracts'
import type { ItemVersions } from '../history/item-versions.js'
import { invalid } from '../http/api-error.js'
import { entityTag, writeConditions } from '../http/entity-tags.js'
import type { Handler } from '../http/handler.js'
import type { OperationContext } from '../http/operation-context.js'
import { holds } from './conditions.js'
import { preconditionFailed } from './item-errors.js'
import type { ItemStore } from './item-store.js'
import type { StoredItem } from './stored-item.js'

/** Reads the current item, or the version that the query names. */
const readItem = async (
  store: ItemStore,
  versions: ItemVersions,
  context: OperationContext,
  { params: { key }, query: { version, at } }: Pick<RouteInput<Routes['getItem']>, 'params' | 'query'>,
): Promise<StoredItem> => {
  if (version !== undefined && at !== undefined) throw invalid('query.at', 'cannot be combined with version')
  if (version !== undefined) return versions.get(context, key, version)
  if (at !== undefined) return versions.getAt(context, key, new Date(at).toISOString())
  return (await store.run(context, { op: 'get', key })).item
}

export const getItem =
  (store: ItemStore, versions: ItemVersions): Handler<Routes['getItem']> =>
  async (context, input) => {
    const { headers } = input
    const item = await readItem(store, versions, context, input)
    const { ifMatch, ifNoneMatch } = writeConditions(headers)
    if (!holds({ ifMatch, ifNoneMatch: null }, item.version)) throw preconditionFailed(item.version)
    const etag = entityTag(item.version)
    if (!holds({ ifMatch: null, ifNoneMatch }, item.version)) return { status: 304, headers: { etag } }
    return { status: 200, body: item, headers: { etag } }
  }

export const getItems =
  (store: ItemStore): Handler<Routes['getItems']> =>
  async (context, { body }) => {
    const items = await store.getMany(
      context,
      body.keys.map((key) => ({ op: 'get', key })),
    )
    return { status: 200, body: { items } }
  }
