import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { IdempotencyKeys, ReadConditions, Replays } from './headers.js'
import { ItemMetadata, ItemWrite, itemParams, NewItem } from './item-schemas.js'
import { deleteItem, getItem, putItem } from './items.js'
import { JsonValue, Key } from './primitives.js'
import { defineRoute } from './route.js'
import { bodyErrors, creatingErrors, dataErrors, onceErrors } from './route-errors.js'

const keysRoute = { tag: 'Earlier systems', limited: true } as const
const rootRoute = { ...keysRoute, enabledBy: 'ROOT_KEYS' } as const
const rootNote = 'Only with `ROOT_KEYS=on`. This route cannot reach keys that are paths of the service itself, such as `items`.'

// The earlier systems had no namespaces.
const { namespaced: _ofGet, ...getRoute } = getItem
const { namespaced: _ofDelete, ...deleteRoute } = deleteItem

/** Reads an item, like `GET /items/{key}`. */
export const getKey = defineRoute({
  ...getRoute,
  ...endpoints.getKey,
  ...keysRoute,
  summary: 'Read an item',
  description: 'Like `GET /items/{key}`.',
  request: { params: itemParams, headers: ReadConditions },
  errors: [...dataErrors, 'item_not_found', 'precondition_failed'],
})

const writeKey = {
  ...keysRoute,
  summary: 'Create or replace an item',
  description: 'Like `PUT /items/{key}`. The body repeats the key of the path.',
  request: { params: itemParams, headers: putItem.request.headers, body: NewItem },
  responses: putItem.responses,
  errors: [...bodyErrors, ...onceErrors, ...creatingErrors, 'precondition_failed', 'key_mismatch'],
} as const

/** Creates or replaces an item, like `PUT /items/{key}`. */
export const putKey = defineRoute({ ...endpoints.putKey, ...writeKey })

/** Creates or replaces an item, like `PUT /keys/{key}`. */
export const postKey = defineRoute({ ...endpoints.postKey, ...writeKey })

/** Deletes an item, like `DELETE /items/{key}`. */
export const deleteKey = defineRoute({ ...deleteRoute, ...endpoints.deleteKey, ...keysRoute, summary: 'Delete an item' })

/** Reads a value and its remaining time to live. */
export const getRootKey = defineRoute({
  ...endpoints.getRootKey,
  ...rootRoute,
  summary: 'Read a value',
  description: rootNote,
  request: { params: itemParams },
  responses: {
    200: {
      description: 'The value.',
      body: z.object({
        key: Key,
        value: JsonValue,
        ttl_remaining: z.int().meta({ description: 'Seconds, rounded up. -1 if the item never expires.' }),
      }),
    },
    404: { description: 'The item does not exist.', body: z.object({ error: z.literal('Key not found (expired)') }) },
  },
  errors: dataErrors,
})

/** Creates or replaces an item. */
export const postRootKey = defineRoute({
  ...endpoints.postRootKey,
  ...rootRoute,
  summary: 'Create or replace an item',
  description: rootNote,
  request: { params: itemParams, headers: IdempotencyKeys, body: ItemWrite },
  responses: {
    200: {
      description: 'Written.',
      headers: Replays,
      body: z.object({
        status: z.literal('ok'),
        action: z.enum(['created', 'updated']),
        key: Key,
        expires_at: ItemMetadata.shape.expires_at,
      }),
    },
  },
  errors: [...bodyErrors, ...onceErrors, ...creatingErrors],
})
