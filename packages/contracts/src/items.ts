import { z } from 'zod'
import { endpoints } from './endpoints.js'
import type { ErrorCode } from './errors.js'
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
import { limits } from './limits.js'
import { Cursor, Delimiter, ExpiresAt, JsonPatch, JsonValue, Key, Prefix, StartAfter, Timestamp, Ttl, Version } from './primitives.js'
import { defineRoute } from './route.js'

/** An item without its value, as `keys_only=true` and `return=minimal` answer it. */
export const ItemMetadata = z
  .object({
    key: Key,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
    expires_at: Timestamp.nullable().meta({ description: 'Null where the item never expires.' }),
    created_version: Version.meta({
      description:
        'The version that the item was created with. Writes to the item keep it; an item that is created again, after a delete or its expiry, has a greater one.',
    }),
  })
  .meta({ id: 'ItemMetadata' })

/** An item. */
export const Item = ItemMetadata.extend({ value: JsonValue }).meta({ id: 'Item' })

/** What a write answers: without the value where `return=minimal` was preferred. */
export const ItemOrMetadata = z.union([Item, ItemMetadata])

/** The members of a write that say when the item expires. */
export const expiry = {
  ttl: Ttl.nullable().optional(),
  expires_at: ExpiresAt.nullable().optional(),
  keep_ttl: z.boolean().optional().meta({ description: 'Keep the expiry that the item has, if it has one.' }),
}

/** Whether a write has one of them at the most. */
export const oneExpiry = (write: { ttl?: unknown; expires_at?: unknown; keep_ttl?: unknown }): boolean =>
  [write.ttl != null, write.expires_at != null, write.keep_ttl === true].filter(Boolean).length <= 1
export const oneExpiryFault = { path: ['ttl'], message: 'give only one of ttl, expires_at and keep_ttl' }

/** Body of a create. */
export const NewItem = z
  .strictObject({ key: Key, value: JsonValue, ...expiry })
  .refine(oneExpiry, oneExpiryFault)
  .meta({ id: 'NewItem', examples: [{ key: 'session-42', value: { user: 7 }, ttl: 3600 }] })

/** Body of a put. */
export const ItemWrite = z
  .strictObject({ value: JsonValue, ...expiry })
  .refine(oneExpiry, oneExpiryFault)
  .meta({ id: 'ItemWrite', examples: [{ value: { user: 7 }, ttl: 3600 }] })

/** Body of a patch. */
export const ItemPatch = z
  .strictObject({
    value: JsonPatch.optional(),
    ttl: expiry.ttl.meta({ description: 'Seconds until the item expires, from now; null makes it permanent.' }),
    expires_at: expiry.expires_at.meta({ description: 'The instant at which the item expires; null makes it permanent.' }),
  })
  .refine((patch) => Object.keys(patch).length > 0, 'must have value, ttl or expires_at')
  .refine((patch) => patch.ttl === undefined || patch.expires_at === undefined, {
    path: ['ttl'],
    message: 'give only one of ttl and expires_at',
  })
  .meta({ id: 'ItemPatch', examples: [{ value: { user: 8 } }, { ttl: 3600 }] })

/** The key in the path of a route of one item. */
export const itemParams = z.object({ key: Key })
/** A number in a query, from 1: decimal digits only, where coercion would take `1e1`, `0x10` and the empty text too. */
const wholeNumber = (max: number) => {
  const message = max === Number.MAX_SAFE_INTEGER ? 'must be a whole number from 1' : `must be a whole number from 1 to ${max}`
  const bounds = z.int(message).min(1, message).max(max, message)
  return z.preprocess((given: number | string) => (/^[0-9]{1,16}$/.test(String(given)) ? Number(given) : given), bounds)
}

/** Query of the list. A parameter added here is validated, documented and typed in the handler by that alone. */
export const ListQuery = z
  .strictObject({
    page: wholeNumber(Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({
        description: `From 1, which is also the default. Pages by number reach the first ${limits.pagedItems} items; \`next_cursor\` goes on from any page. Not with \`cursor\` or \`delimiter\`.`,
      }),
    page_size: wholeNumber(limits.pageSize).default(10),
    prefix: Prefix.default(''),
    cursor: Cursor.optional(),
    start_after: StartAfter.optional(),
    reverse: z
      .enum(['true', 'false'], 'must be true or false')
      .default('false')
      .meta({ description: '`true` lists downwards, from the last key.' }),
    delimiter: Delimiter.optional(),
    count: z.enum(['exact', 'none'], 'must be exact or none').default('exact').meta({ description: '`none` leaves the total out.' }),
    keys_only: z.enum(['true', 'false'], 'must be true or false').default('false').meta({ description: '`true` leaves the values out.' }),
  })
  .refine((query) => query.page === undefined || query.cursor === undefined, { path: ['cursor'], message: 'and page exclude one another' })
  .refine((query) => query.start_after === undefined || (query.page === undefined && query.cursor === undefined), {
    path: ['start_after'],
    message: 'excludes page and cursor: go on with the next_cursor alone',
  })
  .refine((query) => query.page === undefined || query.delimiter === undefined, {
    path: ['delimiter'],
    message: 'and page exclude one another: a folded list goes on by cursor',
  })

/** One page of items. */
export const ItemPage = z
  .object({
    items: z.array(ItemOrMetadata),
    prefixes: z.array(z.string()).optional().meta({ description: 'With `delimiter`: what keys of this page were folded into, in order.' }),
    total: z
      .int()
      .nullable()
      .meta({ description: 'Live items with the prefix, on all pages, folded or not; exact. Null with `count=none`.' }),
    page: z.int().nullable().meta({ description: 'Null where a cursor, `start_after` or a delimiter was given.' }),
    page_size: z.int().meta({ description: 'Items and prefixes that a page has at the most.' }),
    total_pages: z.int().nullable().meta({ description: 'Null with `count=none` and where a delimiter was given.' }),
    next_cursor: Cursor.nullable().meta({
      description:
        'Continues after the last item or prefix of this page, with the same `prefix`, `delimiter` and `reverse`; null on the last page.',
    }),
  })
  .meta({ id: 'ItemPage' })

/** What every data route may refuse with. */
export const dataErrors = [
  'malformed_request',
  'validation_failed',
  'unauthenticated',
  'forbidden',
  'rate_limited',
  'internal',
  'database_unavailable',
  'overloaded',
] as const satisfies ErrorCode[]
/** What every route that writes may refuse with. */
export const writeErrors = [...dataErrors, 'outcome_unknown'] as const satisfies ErrorCode[]
/** What every route that takes a body may refuse with. */
export const bodyErrors = [...writeErrors, 'malformed_json', 'too_large', 'unsupported_media_type'] as const satisfies ErrorCode[]

/** What a write that may create an item may refuse with. */
export const creatingErrors = ['namespace_full'] as const satisfies ErrorCode[]

/** What a write with an Idempotency-Key may refuse with. */
export const onceErrors = ['idempotency_key_reused', 'idempotency_in_progress'] as const satisfies ErrorCode[]

const route = { tag: 'Items', limited: true } as const

/** Create an item that does not exist yet. */
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

/** List items in the order of their keys. */
export const listItems = defineRoute({
  ...endpoints.listItems,
  ...route,
  summary: 'List items',
  description: 'In the order of their keys, compared byte by byte, or in the opposite order with `reverse=true`.',
  request: { query: ListQuery },
  responses: {
    200: {
      description: 'One page.',
      body: ItemPage,
      headers: z.object({ link: z.string().meta({ description: 'Pages `first`, `prev`, `next` and `last` (RFC 8288).' }) }),
    },
  },
  errors: dataErrors,
})

/** Remove every item whose key begins with a prefix. */
export const deleteItems = defineRoute({
  ...endpoints.deleteItems,
  ...route,
  summary: 'Delete all items with a prefix',
  description:
    'Goes through the keys in batches: items written meanwhile may stay, and after a failure a part may be gone; a repeat goes on.',
  request: {
    headers: IdempotencyKeys,
    query: z.strictObject({ prefix: Prefix.refine((text) => text.length > 0, 'must not be empty: say which keys to delete') }),
  },
  responses: {
    200: {
      description: 'Deleted.',
      body: z.object({ deleted: z.int().meta({ description: 'Live items that were removed.' }) }),
      headers: Replays,
    },
  },
  errors: [...writeErrors, ...onceErrors],
})

/** Read an item. */
export const getItem = defineRoute({
  ...endpoints.getItem,
  ...route,
  summary: 'Read an item',
  request: { params: itemParams, headers: ReadConditions },
  responses: {
    200: { description: 'The item.', body: Item, headers: ItemHeaders },
    304: { description: 'The item still has an ETag of `If-None-Match`.', headers: ItemHeaders },
  },
  errors: [...dataErrors, 'item_not_found', 'precondition_failed'],
})

/** Read what GET would answer, without the body. */
export const headItem = defineRoute({
  ...getItem,
  ...endpoints.headItem,
  summary: 'See whether an item exists',
  responses: {
    200: { description: 'The item exists.', headers: ItemHeaders },
    304: getItem.responses[304],
  },
})

/** Create or replace an item. */
export const putItem = defineRoute({
  ...endpoints.putItem,
  ...route,
  summary: 'Create or replace an item',
  description:
    'Without `ttl`, `expires_at` or `keep_ttl` the item becomes permanent. For shells, `?value=text` with no body stores a string.',
  request: {
    params: itemParams,
    query: z.strictObject({ value: z.string().optional().meta({ description: 'A string value, in place of the body.' }) }),
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

/** Change parts of an item. */
export const patchItem = defineRoute({
  ...endpoints.patchItem,
  ...route,
  summary: 'Change parts of an item',
  description:
    'Members of a value that is an object are set one by one, and removed where the patch has null (RFC 7396). Without `ttl` or `expires_at` the item keeps its expiry; with one of them and no `value` it keeps its value.',
  request: { params: itemParams, headers: WriteConditions.extend({ ...Preferences.shape, ...IdempotencyKeys.shape }), body: ItemPatch },
  responses: { 200: { description: 'Changed.', body: ItemOrMetadata, headers: WrittenHeaders } },
  errors: [...bodyErrors, ...onceErrors, 'item_not_found', 'precondition_failed'],
})

/** Remove an item for good. */
export const deleteItem = defineRoute({
  ...endpoints.deleteItem,
  ...route,
  summary: 'Delete an item',
  description: '`Prefer: return=representation` reads the item and deletes it in one step. An API key then needs the scope `read` too.',
  request: { params: itemParams, headers: WriteConditions.extend({ ...IdempotencyKeys.shape, ...DeletePreferences.shape }) },
  responses: {
    200: {
      description: 'Deleted; the item as it was. Only with `Prefer: return=representation`.',
      body: Item,
      headers: Replays.extend({ 'preference-applied': z.string().meta({ description: 'The preference that was honoured.' }) }),
    },
    204: { description: 'Deleted.', headers: Replays },
  },
  errors: [...writeErrors, ...onceErrors, 'item_not_found', 'precondition_failed'],
})
