import type { Routes } from '@holdfast/contracts'
import { entityTag, writeConditions } from '../http/entity-tags.js'
import type { Handler } from '../http/handler.js'
import { holds } from './conditions.js'
import { preconditionFailed } from './item-errors.js'
import type { ItemStore } from './item-store.js'

export const getItem =
  (store: ItemStore): Handler<Routes['getItem']> =>
  async (context, { params, headers }) => {
    const { item } = await store.run(context, { op: 'get', key: params.key })
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
