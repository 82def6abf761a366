import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { IdempotencyKeys, Preferences, Replays } from './headers.js'
import { expiry, Item, ItemOrMetadata, oneExpiry, oneExpiryFault } from './item-schemas.js'
import { limits } from './limits.js'
import { JsonValue, Key } from './primitives.js'
import { Problem } from './problem.js'
import { defineRoute } from './route.js'
import { bodyErrors, dataErrors, onceErrors } from './route-errors.js'

/** The body of a batch read. */
export const BatchGet = z
  .strictObject({
    keys: z
      .array(Key)
      .max(limits.batchKeys, `must be at most ${limits.batchKeys} keys`)
      .meta({ description: 'A key may occur more than once.' }),
  })
  .meta({ id: 'BatchGet', examples: [{ keys: ['session-42', 'session-43'] }] })

/** Several items, in the order of the request. */
export const ItemBatch = z
  .object({
    items: z
      .array(z.union([Item, z.null()]))
      .meta({ description: 'One for each key of the request, in its order. Null if there is no item.' }),
  })
  .meta({ id: 'ItemBatch' })

/** Reads several items as of one instant. */
export const getItems = defineRoute({
  ...endpoints.getItems,
  tag: 'Items',
  limited: true,
  summary: 'Read several items',
  description: 'All items are as of one instant. The request changes nothing, so it can be retried.',
  request: { body: BatchGet, bodyBytesMax: limits.batchBytes },
  responses: { 200: { description: 'The items.', body: ItemBatch } },
  errors: [...dataErrors, 'malformed_json', 'too_large', 'unsupported_media_type'],
})

/** A condition of one element of a batch: a version, or `*` for any. */
const Condition = z.string().regex(/^(?:\*|[1-9][0-9]*)$/, 'must be a version, such as "184", or "*"')
const ifMatch = Condition.optional().meta({
  description: 'Apply this element only if the item has this version. `*`: only if the item exists.',
  examples: ['184'],
})

/** Reports each element that repeats the key of an earlier one. Elements have no order, so the result would be undefined. */
const rejectRepeatedKeys = (keys: readonly string[], addIssue: (index: number, message: string) => void): void => {
  const first = new Map<string, number>()
  for (const [index, key] of keys.entries()) {
    const earlier = first.get(key)
    if (earlier === undefined) first.set(key, index)
    else addIssue(index, `must not repeat the key of element ${earlier}`)
  }
}

/** One element of a batch put. */
const BatchPutItem = z
  .strictObject({
    key: Key,
    value: JsonValue,
    ...expiry,
    if_match: ifMatch,
    if_none_match: Condition.optional().meta({
      description: '`*`: apply this element only if the item does not exist. A version: only if the item does not have this version.',
      examples: ['*'],
    }),
  })
  .refine(oneExpiry, oneExpiryFault)
  .meta({ id: 'BatchPutItem' })

/** The body of a batch put. */
export const BatchPut = z
  .strictObject({
    items: z
      .array(BatchPutItem)
      .max(limits.batchKeys, `must be at most ${limits.batchKeys} items`)
      .superRefine((items, context) =>
        rejectRepeatedKeys(
          items.map(({ key }) => key),
          (index, message) => context.addIssue({ code: 'custom', path: [index, 'key'], message }),
        ),
      )
      .meta({ description: 'A key may occur only once.' }),
  })
  .meta({ id: 'BatchPut', examples: [{ items: [{ key: 'session-42', value: { user: 7 }, ttl: 3600 }] }] })

const keyOf = (element: string | { readonly key: string }): string => (typeof element === 'string' ? element : element.key)

/** The body of a batch delete. */
export const BatchDelete = z
  .strictObject({
    keys: z
      .array(
        z.union(
          [Key, z.strictObject({ key: Key, if_match: ifMatch }).meta({ id: 'BatchDeleteItem' })],
          'must be a key, or an object with key and if_match',
        ),
      )
      .max(limits.batchKeys, `must be at most ${limits.batchKeys} keys`)
      .superRefine((elements, context) =>
        rejectRepeatedKeys(elements.map(keyOf), (index, message) => context.addIssue({ code: 'custom', path: [index], message })),
      )
      .meta({ description: 'Keys, or `{key, if_match}` to delete an item conditionally. A key may occur only once.' }),
  })
  .meta({ id: 'BatchDelete', examples: [{ keys: ['session-42', 'session-43'] }] })

/** An element that was rejected. The others are not affected. */
const BatchRejection = z
  .object({
    key: Key,
    status: z
      .union([z.literal(400), z.literal(404), z.literal(409), z.literal(412), z.literal(413)])
      .meta({ description: 'The status of `problem`.' }),
    problem: Problem,
  })
  .meta({ id: 'BatchRejection' })

/** The outcome of each element of a batch put. */
export const BatchPutResults = z
  .object({
    results: z
      .array(
        z.union([
          z
            .object({
              key: Key,
              status: z
                .union([z.literal(200), z.literal(201)])
                .meta({ description: '201 if the item was created, 200 if it was replaced.' }),
              item: ItemOrMetadata,
            })
            .meta({ id: 'BatchPutResult' }),
          BatchRejection,
        ]),
      )
      .meta({
        description: 'One for each element, in their order: the status of a put of this item alone, with its item or its problem.',
      }),
  })
  .meta({ id: 'BatchPutResults' })

/** The outcome of each element of a batch delete. */
export const BatchDeleteResults = z
  .object({
    results: z
      .array(z.union([z.object({ key: Key, status: z.literal(204) }).meta({ id: 'BatchDeleteResult' }), BatchRejection]))
      .meta({ description: 'One for each element, in their order: the status of a delete of this item alone.' }),
  })
  .meta({ id: 'BatchDeleteResults' })

const independent =
  'Each element is applied or rejected individually, and the response has an outcome for each. An error response is about the whole batch.'

/** Creates or replaces several items. */
export const putItems = defineRoute({
  ...endpoints.putItems,
  tag: 'Items',
  limited: true,
  summary: 'Create or replace several items',
  description: independent,
  request: {
    headers: Preferences.extend(IdempotencyKeys.shape),
    body: BatchPut,
    bodyBytesMax: limits.batchPutBytes,
    valueLevel: 3,
  },
  responses: {
    200: {
      description: 'The outcomes.',
      body: BatchPutResults,
      headers: Replays.extend({ 'preference-applied': z.string().optional().meta({ description: 'The preference that was applied.' }) }),
    },
  },
  errors: [...bodyErrors, ...onceErrors],
})

/** Deletes several items. */
export const deleteManyItems = defineRoute({
  ...endpoints.deleteManyItems,
  tag: 'Items',
  limited: true,
  summary: 'Delete several items',
  description: independent,
  request: { headers: IdempotencyKeys, body: BatchDelete, bodyBytesMax: limits.batchBytes },
  responses: { 200: { description: 'The outcomes.', body: BatchDeleteResults, headers: Replays } },
  errors: [...bodyErrors, ...onceErrors],
})
