import type { Routes } from '@holdfast/contracts'
import { ApiError, invalid } from '../http/api-error.js'
import { writeConditions } from '../http/entity-tags.js'
import type { Handler } from '../http/handler.js'
import { prefersMinimal, prefersRepresentation } from '../http/preferences.js'
import { memberText } from '../lib/json-span.js'
import type { ItemStore } from './item-store.js'
import { itemsPath } from './items-path.js'
import type { CreateOperation, DeleteOperation, PatchOperation, PutOperation, TouchOperation } from './operation.js'
import { requestedExpiry } from './requested-expiry.js'
import { replayed, written } from './write-response-headers.js'

/** Returns the JSON text of the value of a put, from the body or from `?value=`. */
const putValue = (value: string | undefined, bodyText: string | undefined): string => {
  if (value === undefined) {
    if (bodyText === undefined) throw invalid('body', 'is required: {"value": …}, or ?value= in its place')
    return memberText(bodyText, 'value') ?? 'null'
  }
  if (bodyText !== undefined) throw invalid('query.value', 'cannot be combined with a body')
  if (value.includes('\0')) throw invalid('query.value', 'must not contain the NUL character')
  return JSON.stringify(value)
}

export const createItem =
  (store: ItemStore): Handler<Routes['createItem']> =>
  async (context, { body, headers }) => {
    const minimal = prefersMinimal(headers.prefer)
    const { ttl, expiresAt, forever } = requestedExpiry(body)
    const value = memberText(context.bodyText ?? '', 'value') ?? 'null'
    const operation: CreateOperation = { op: 'create', key: body.key, value, ttl, expiresAt, forever, wantValue: !minimal }
    const { item, replayed: isReplay } = await store.run(context, operation).catch((error) => {
      if (!(error instanceof ApiError) || error.code !== 'precondition_failed') throw error
      // Replays must return the text of version 0.1.0.
      throw new ApiError('item_exists', 'a live item has this key', error.details)
    })
    const location = `${itemsPath(context.namespace)}/${encodeURIComponent(item.key)}`
    return { status: 201, body: item, headers: { ...written(item, minimal, isReplay), location } }
  }

export const putItem =
  (store: ItemStore): Handler<Routes['putItem']> =>
  async (context, { params, query, headers, body }) => {
    const minimal = prefersMinimal(headers.prefer)
    const operation: PutOperation = {
      op: 'put',
      key: params.key,
      value: putValue(query.value, context.bodyText),
      ...requestedExpiry(body),
      ...writeConditions(headers),
      wantValue: !minimal,
    }
    const { created, item, replayed: isReplay } = await store.run(context, operation)
    return { status: created ? 201 : 200, body: item, headers: written(item, minimal, isReplay) }
  }

export const patchItem =
  (store: ItemStore): Handler<Routes['patchItem']> =>
  async (context, { params, headers, body }) => {
    const minimal = prefersMinimal(headers.prefer)
    const patch = memberText(context.bodyText ?? '', 'value')
    const members = { key: params.key, ...requestedExpiry(body), ...writeConditions(headers), wantValue: !minimal }
    const keepTtl = body.ttl === undefined && body.expires_at === undefined
    const operation: PatchOperation | TouchOperation =
      patch === undefined ? { ...members, op: 'touch' } : { ...members, op: 'patch', patch, keepTtl }
    const { item, replayed: isReplay } = await store.run(context, operation)
    return { status: 200, body: item, headers: written(item, minimal, isReplay) }
  }

export const deleteItem =
  (store: ItemStore): Handler<Routes['deleteItem']> =>
  async (context, { params, headers }) => {
    const wantItem = prefersRepresentation(headers.prefer)
    const operation: DeleteOperation = { op: 'delete', key: params.key, ...writeConditions(headers), wantItem }
    const { item, replayed: isReplay } = await store.run(context, operation)
    if (item === undefined) return { status: 204, headers: replayed(isReplay) }
    return { status: 200, body: item, headers: { ...replayed(isReplay), 'preference-applied': 'return=representation' } }
  }
