import { z } from 'zod'
import { endpoints } from './endpoints.js'
import {
  DeletePreferences,
  IdempotencyKeys,
  ItemHeaders,
  Preferences,
  ReadConditions,
  Replays,
  WriteConditions,
  WrittenHeaders,
} from './headers.js'
import { Item, ItemOrMetadata, ItemPatch, ItemWrite, itemParams, NewItem } from './item-schemas.js'
import { At, Version } from './primitives.js'
import { defineRoute } from './route.js'
import { bodyErrors, creatingErrors, dataErrors, onceErrors, writeErrors } from './route-errors.js'

const route = { tag: 'Items', limited: true } as const

/** Creates an item that does not exist yet. */
export const createItem = defineRoute({
  ...endpoints.createItem,
  ...route,
  summary: 'Create an item',
  request: { headers: Preferences.extend(IdempotencyKeys.shape), body: NewItem },
  responses: {
    201: {
      description: 'Created.',
      body: ItemOrMetadata,
      headers: WrittenHeaders.extend({ location: z.string().meta({ description: 'Path of the item.' }) }),
    },
  },
  errors: [...bodyErrors, ...onceErrors, ...creatingErrors, 'item_exists'],
})

/** The version to read. Without it, the current one. A request cannot have both. */
const ItemQuery = z.strictObject({
  version: Version.optional().meta({ description: 'Read this version, current or kept in the history. Cannot be combined with `at`.' }),
  at: At.optional().meta({ description: 'Read the item as of this time, from the history.' }),
})

/** Reads an item. */
export const getItem = defineRoute({
  ...endpoints.getItem,
  ...route,
  summary: 'Read an item',
  description: 'The current item, or with `version` or `at` an old version from the history of the namespace.',
  request: { params: itemParams, query: ItemQuery, headers: ReadConditions },
  responses: {
    200: { description: 'The item.', body: Item, headers: ItemHeaders },
    304: { description: 'The item has an ETag of `If-None-Match`.', headers: ItemHeaders },
  },
  errors: [...dataErrors, 'item_not_found', 'version_not_kept', 'precondition_failed'],
})

/** Reads an item without its body. */
export const headItem = defineRoute({
  ...getItem,
  ...endpoints.headItem,
  summary: 'Check whether an item exists',
  responses: {
    200: { description: 'The item exists.', headers: ItemHeaders },
    304: getItem.responses[304],
  },
})

/** Creates or replaces an item. */
export const putItem = defineRoute({
  ...endpoints.putItem,
  ...route,
  summary: 'Create or replace an item',
  description: 'Without `ttl`, `expires_at` or `keep_ttl` the item becomes permanent. `?value=text` without a body stores a string.',
  request: {
    params: itemParams,
    query: z.strictObject({ value: z.string().optional().meta({ description: 'A string value, instead of the body.' }) }),
    headers: WriteConditions.extend({ ...Preferences.shape, ...IdempotencyKeys.shape }),
    body: ItemWrite,
    bodyOptional: true,
  },
  responses: {
    200: { description: 'Replaced.', body: ItemOrMetadata, headers: WrittenHeaders },
    201: { description: 'Created.', body: ItemOrMetadata, headers: WrittenHeaders },
  },
  errors: [...bodyErrors, ...onceErrors, ...creatingErrors, 'precondition_failed'],
})

/** Changes parts of an item. */
export const patchItem = defineRoute({
  ...endpoints.patchItem,
  ...route,
  summary: 'Change parts of an item',
  description:
    'Sets members of a value that is an object one by one, and removes those that are null in the patch (RFC 7396). Without `ttl` or `expires_at` the item keeps its expiry. Without `value` it keeps its value.',
  request: { params: itemParams, headers: WriteConditions.extend({ ...Preferences.shape, ...IdempotencyKeys.shape }), body: ItemPatch },
  responses: { 200: { description: 'Changed.', body: ItemOrMetadata, headers: WrittenHeaders } },
  errors: [...bodyErrors, ...onceErrors, 'item_not_found', 'precondition_failed'],
})

/** Deletes an item. */
export const deleteItem = defineRoute({
  ...endpoints.deleteItem,
  ...route,
  summary: 'Delete an item',
  description: '`Prefer: return=representation` reads the item and deletes it in one step. The API key then also needs the scope `read`.',
  request: { params: itemParams, headers: WriteConditions.extend({ ...IdempotencyKeys.shape, ...DeletePreferences.shape }) },
  responses: {
    200: {
      description: 'Deleted. The deleted item. Only with `Prefer: return=representation`.',
      body: Item,
      headers: Replays.extend({ 'preference-applied': z.string().meta({ description: 'The preference that was applied.' }) }),
    },
    204: { description: 'Deleted.', headers: Replays },
  },
  errors: [...writeErrors, ...onceErrors, 'item_not_found', 'precondition_failed'],
})
