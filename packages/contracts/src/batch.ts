import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { dataErrors, Item } from './items.js'
import { limits } from './limits.js'
import { Key } from './primitives.js'
import { defineRoute } from './route.js'

/** Body of a read of several items. */
export const BatchGet = z
  .strictObject({
    keys: z
      .array(Key)
      .max(limits.batchKeys, `must be at most ${limits.batchKeys} keys`)
      .meta({ description: 'A key may come more than once.' }),
  })
  .meta({ id: 'BatchGet' })

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
  answers: { 200: { description: 'The items.', body: ItemBatch } },
  errors: [...dataErrors, 'malformed_json', 'too_large', 'unsupported_media_type'],
})
