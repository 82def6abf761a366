import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { IdempotencyKeys, Preferences, Replays } from './headers.js'
import { bodyErrors, dataErrors, expiry, Item, ItemOrMetadata, onceErrors, oneExpiry, oneExpiryFault } from './items.js'
import { limits } from './limits.js'
import { JsonValue, Key } from './primitives.js'
import { Problem } from './problem.js'
import { defineRoute } from './route.js'

/** Body of a read of several items. */
export const BatchGet = z
  .strictObject({
    keys: z
      .array(Key)
      .max(limits.batchKeys, `must be at most ${limits.batchKeys} keys`)
      .meta({ description: 'A key may come more than once.' }),
  })
  .meta({ id: 'BatchGet', examples: [{ keys: ['session-42', 'session-43'] }] })

/** Several items, in the order asked. */
export const ItemBatch = z
  .object({
    items: z.array(z.union([Item, z.null()])).meta({ description: 'One for each key asked, in that order; null where there is none.' }),
  })
  .meta({ id: 'ItemBatch' })

/** Read several items at one instant. */
export const getItems = defineRoute({
  ...endpoints.getItems,
  tag: 'Items',
  limited: true,
  summary: 'Read several items',
  description: 'All of them as they are at one instant. It changes nothing, so it may be repeated.',
  request: { body: BatchGet, bodyBytesMax: limits.batchBytes },
  responses: { 200: { description: 'The items.', body: ItemBatch } },
  errors: [...dataErrors, 'malformed_json', 'too_large', 'unsupported_media_type'],
})

/** A condition of one element of a batch: a version, or `*` for any. */
const Condition = z.string().regex(/^(?:\*|[1-9][0-9]*)$/, 'must be a version, such as "184", or "*"')
const ifMatch = Condition.optional().meta({
  description: 'Apply this element only if the item has this version; `*`: only if it exists.',
  examples: ['184'],
})

/** Reports each element whose key an earlier one has: elements have no order, so the result would be left to chance. */
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
      description: '`*`: apply this element only if the item does not exist; a version: only if the item does not have it.',
      examples: ['*'],
    }),
  })
  .refine(oneExpiry, oneExpiryFault)
  .meta({ id: 'BatchPutItem' })

/** Body of a put of several items. */
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
      .meta({ description: 'Each key once.' }),
  })
  .meta({ id: 'BatchPut', examples: [{ items: [{ key: 'session-42', value: { user: 7 }, ttl: 3600 }] }] })

const keyOf = (element: string | { readonly key: string }): string => (typeof element === 'string' ? element : element.key)

/** Body of a delete of several items. */
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
      .meta({ description: 'Each key once: the key alone, or `{key, if_match}` to delete the item under a condition.' }),
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

/** What became of each element of a batch put. */
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
        description:
          'One for each element, in their order: the status that a put of the item alone would have, with its item or its problem.',
      }),
  })
  .meta({ id: 'BatchPutResults' })

/** What became of each element of a batch delete. */
export const BatchDeleteResults = z
  .object({
    results: z
      .array(z.union([z.object({ key: Key, status: z.literal(204) }).meta({ id: 'BatchDeleteResult' }), BatchRejection]))
      .meta({ description: 'One for each element, in their order: the status that a delete of the item alone would have.' }),
  })
  .meta({ id: 'BatchDeleteResults' })

const independent =
  'Each element is applied or rejected by itself, and the response has an outcome for each. An error response applies to all: nothing was changed.'

/** Create or replace several items. */
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
      headers: Replays.extend({ 'preference-applied': z.string().optional().meta({ description: 'The preference that was honoured.' }) }),
    },
  },
  errors: [...bodyErrors, ...onceErrors],
})

/** Delete several items. */
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
