import type { Routes } from '@holdfast/contracts'
import { ApiError, invalid } from '../http/api-error.js'
import { entityTag, isCurrent, isMatched, writeConditions } from '../http/entity-tags.js'
import type { Handler, Handlers } from '../http/mount.js'
import { prefersMinimal, prefersRepresentation } from '../http/preferences.js'
import { replayed, written } from '../http/write-response-headers.js'
import { memberText } from '../lib/json-span.js'
import { type ListIdentity, readCursor, writeCursor } from './cursor.js'
import { incrementItem } from './increment-route.js'
import { preconditionFailed } from './item-errors.js'
import type { ItemPut, ItemStore } from './item-store.js'
import { itemsPath } from './items-path.js'
import { pageLinks } from './page-links.js'

export type ItemHandlers = Pick<
  Handlers,
  'createItem' | 'listItems' | 'deleteItems' | 'getItem' | 'getItems' | 'putItem' | 'patchItem' | 'incrementItem' | 'deleteItem'
>

interface Write {
  readonly ttl?: number | null | undefined
  readonly expires_at?: string | null | undefined
  readonly keep_ttl?: boolean | undefined
}

/** The members of a write that say when the item expires. */
export const expiry = (write: Write | undefined): Pick<ItemPut, 'ttl' | 'expiresAt' | 'keepTtl' | 'forever'> => ({
  ttl: write?.ttl ?? null,
  // In UTC, because PostgreSQL takes fewer offsets than RFC 3339 has.
  expiresAt: write?.expires_at == null ? null : new Date(write.expires_at).toISOString(),
  keepTtl: write?.keep_ttl ?? false,
  forever: write?.ttl === null || write?.expires_at === null,
})

/** The text of the body of a put: the request's own, or one made of `?value=`. */
const putText = (value: string | undefined, bodyText: string | undefined): string => {
  if (value === undefined) {
    if (bodyText === undefined) throw invalid('body', 'is required: {"value": …}, or ?value= in its place')
    return bodyText
  }
  if (bodyText !== undefined) throw invalid('query.value', 'and a body exclude one another')
  if (value.includes('\0')) throw invalid('query.value', 'must not contain the NUL character')
  return JSON.stringify({ value })
}

/** POST never replaces, so its one condition is that there is no such item. */
const createItem =
  (store: ItemStore): Handler<Routes['createItem']> =>
  async (context, { body, headers }) => {
    const minimal = prefersMinimal(headers.prefer)
    const put = {
      key: body.key,
      body: context.bodyText ?? '',
      ...expiry(body),
      ifMatch: null,
      ifNoneMatch: '*',
      wantValue: !minimal,
      record: context.idempotencyKey,
    }
    const { item, replayed: was } = await store.put(context, put).catch((error) => {
      if (!(error instanceof ApiError) || error.code !== 'precondition_failed') throw error
      throw new ApiError('item_exists', 'a live item has this key', error.details)
    })
    return {
      status: 201,
      body: item,
      headers: { ...written(item, minimal, was), location: `${itemsPath(context.namespace)}/${encodeURIComponent(item.key)}` },
    }
  }

const putItem =
  (store: ItemStore): Handler<Routes['putItem']> =>
  async (context, { params, query, headers, body }) => {
    const minimal = prefersMinimal(headers.prefer)
    const put = {
      key: params.key,
      body: putText(query.value, context.bodyText),
      ...expiry(body),
      ...writeConditions(headers),
      wantValue: !minimal,
      record: context.idempotencyKey,
    }
    const { created, item, replayed: was } = await store.put(context, put)
    return { status: created ? 201 : 200, body: item, headers: written(item, minimal, was) }
  }

const patchItem =
  (store: ItemStore): Handler<Routes['patchItem']> =>
  async (context, { params, headers, body }) => {
    const minimal = prefersMinimal(headers.prefer)
    const patch = {
      key: params.key,
      patch: memberText(context.bodyText ?? '', 'value'),
      ...expiry(body),
      keepTtl: body.ttl === undefined && body.expires_at === undefined,
      ...writeConditions(headers),
      wantValue: !minimal,
      record: context.idempotencyKey,
    }
    const { item, replayed: was } = await store.patch(context, patch)
    return { status: 200, body: item, headers: written(item, minimal, was) }
  }

const getItem =
  (store: ItemStore): Handler<Routes['getItem']> =>
  async (context, { params, headers }) => {
    const { item } = await store.get(context, params.key)
    if (!isMatched(headers['if-match'], item.version)) throw preconditionFailed(item.version)
    const etag = entityTag(item.version)
    if (isCurrent(headers['if-none-match'], item.version)) return { status: 304, headers: { etag } }
    return { status: 200, body: item, headers: { etag } }
  }

const getItems =
  (store: ItemStore): Handler<Routes['getItems']> =>
  async (context, { body }) => ({ status: 200, body: { items: await store.getMany(context, body.keys) } })

const deleteItem =
  (store: ItemStore): Handler<Routes['deleteItem']> =>
  async (context, { params, headers }) => {
    const wantItem = prefersRepresentation(headers.prefer)
    const deletion = { key: params.key, ...writeConditions(headers), wantItem, record: context.idempotencyKey }
    const { item, replayed: was } = await store.delete(context, deletion)
    if (item === undefined) return { status: 204, headers: replayed(was) }
    return { status: 200, body: item, headers: { ...replayed(was), 'preference-applied': 'return=representation' } }
  }

const listItems =
  (store: ItemStore): Handler<Routes['listItems']> =>
  async (context, { query }) => {
    const { prefix, delimiter, cursor, page_size } = query
    const reverse = query.reverse === 'true'
    const list: ListIdentity = ['items', context.namespace, prefix, delimiter, reverse]
    const which = {
      prefix,
      after: cursor === undefined ? undefined : readCursor(list, cursor),
      startAfter: query.start_after,
      reverse,
      pageSize: page_size,
      wantValues: query.keys_only === 'false',
      wantTotal: query.count === 'exact',
    }
    const page = query.page ?? 1
    const found =
      delimiter === undefined
        ? await store.list(context, { ...which, page })
        : await store.groupByDelimiter(context, { ...which, delimiter })
    const byPage = cursor === undefined && query.start_after === undefined && delimiter === undefined
    const body = {
      items: found.items,
      prefixes: found.prefixes,
      total: found.total,
      page: byPage ? page : null,
      page_size,
      total_pages: found.total === null || delimiter !== undefined ? null : Math.ceil(found.total / page_size),
      next_cursor: found.next === null ? null : writeCursor(list, found.next),
    }
    return { status: 200, body, headers: { link: pageLinks(itemsPath(context.namespace), query, body, found.cut) } }
  }

const deleteItems =
  (store: ItemStore): Handler<Routes['deleteItems']> =>
  async (context, { query }) => {
    const { deleted, replayed: was } = await store.deletePrefix(context, query.prefix, context.idempotencyKey)
    return { status: 200, body: { deleted }, headers: replayed(was) }
  }

/** The handlers of items: no SQL and no rules of their own. */
export const itemHandlers = (store: ItemStore): ItemHandlers => ({
  createItem: createItem(store),
  listItems: listItems(store),
  deleteItems: deleteItems(store),
  getItem: getItem(store),
  getItems: getItems(store),
  putItem: putItem(store),
  patchItem: patchItem(store),
  incrementItem: incrementItem(store),
  deleteItem: deleteItem(store),
})
