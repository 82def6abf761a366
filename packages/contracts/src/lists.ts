import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { IdempotencyKeys, Replays } from './headers.js'
import { ItemOrMetadata } from './item-schemas.js'
import { limits } from './limits.js'
import { At, Cursor, Delimiter, Prefix, StartAfter } from './primitives.js'
import { defineRoute } from './route.js'
import { dataErrors, onceErrors, writeErrors } from './route-errors.js'

/** Returns the schema of a positive number in a query. Accepts only decimal digits, while coercion would also accept `1e1`, `0x10` and the empty string. */
export const wholeNumber = (max: number) => {
  const message = max === Number.MAX_SAFE_INTEGER ? 'must be a whole number from 1' : `must be a whole number from 1 to ${max}`
  const bounds = z.int(message).min(1, message).max(max, message)
  return z.preprocess((input: number | string) => (/^[0-9]{1,16}$/.test(String(input)) ? Number(input) : input), bounds)
}

/** The query of a list. A parameter that is added here is validated, documented, and typed in the handler. */
export const ListQuery = z
  .strictObject({
    page: wholeNumber(Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({
        description: `Starts at 1, the default. Page numbers reach the first ${limits.pagedItems} items; \`next_cursor\` continues after any page. Cannot be combined with \`cursor\` or \`delimiter\`.`,
      }),
    page_size: wholeNumber(limits.pageSize).default(10),
    prefix: Prefix.default(''),
    cursor: Cursor.optional(),
    start_after: StartAfter.optional(),
    reverse: z
      .enum(['true', 'false'], 'must be true or false')
      .default('false')
      .meta({ description: '`true` lists in descending order, from the last key.' }),
    delimiter: Delimiter.optional(),
    count: z.enum(['exact', 'none'], 'must be exact or none').default('exact').meta({ description: '`none` omits the total.' }),
    at: At.optional().meta({
      description:
        'Lists the items as of this time, from the history of the namespace. The total is null. Cannot be combined with `page` or `delimiter`.',
    }),
    keys_only: z.enum(['true', 'false'], 'must be true or false').default('false').meta({ description: '`true` omits the values.' }),
  })
  .refine((query) => query.page === undefined || query.cursor === undefined, { path: ['cursor'], message: 'cannot be combined with page' })
  .refine((query) => query.start_after === undefined || (query.page === undefined && query.cursor === undefined), {
    path: ['start_after'],
    message: 'cannot be combined with page or cursor; continue with next_cursor alone',
  })
  .refine((query) => query.page === undefined || query.delimiter === undefined, {
    path: ['delimiter'],
    message: 'cannot be combined with page; continue with next_cursor',
  })
  .refine((query) => query.at === undefined || (query.page === undefined && query.delimiter === undefined), {
    path: ['at'],
    message: 'cannot be combined with page or delimiter; continue with next_cursor',
  })

/** A page of items. */
export const ItemPage = z
  .object({
    items: z.array(ItemOrMetadata),
    prefixes: z.array(z.string()).optional().meta({ description: 'With `delimiter`: the groups of keys on this page, in order.' }),
    total: z.int().nullable().meta({
      description: 'The exact number of live items with the prefix, on all pages, grouped or not. Null with `count=none` or `at`.',
    }),
    page: z.int().nullable().meta({ description: 'Null with `cursor`, `start_after`, `delimiter` or `at`.' }),
    page_size: z.int().meta({ description: 'The largest number of items and prefixes in a page.' }),
    total_pages: z.int().nullable().meta({ description: 'Null with `count=none`, `delimiter` or `at`.' }),
    next_cursor: Cursor.nullable().meta({
      description:
        'Continues after the last item or prefix of this page, with the same `prefix`, `delimiter` and `reverse`. Null on the last page.',
    }),
  })
  .meta({ id: 'ItemPage' })

const route = { tag: 'Items', limited: true } as const

/** Lists items in key order. */
export const listItems = defineRoute({
  ...endpoints.listItems,
  ...route,
  summary: 'List items',
  description: 'In the byte order of their keys, or in the opposite order with `reverse=true`.',
  request: { query: ListQuery },
  responses: {
    200: {
      description: 'A page.',
      body: ItemPage,
      headers: z.object({ link: z.string().meta({ description: 'Pages `first`, `prev`, `next` and `last` (RFC 8288).' }) }),
    },
  },
  errors: [...dataErrors, 'version_not_kept'],
})

/** Deletes all items whose key starts with a prefix. */
export const deleteItems = defineRoute({
  ...endpoints.deleteItems,
  ...route,
  summary: 'Delete all items with a prefix',
  description:
    'Deletes in batches. Items that are written meanwhile may remain. After a failure some items may be deleted; a retry continues.',
  request: {
    headers: IdempotencyKeys,
    query: z.strictObject({ prefix: Prefix.refine((text) => text.length > 0, 'must not be empty') }),
  },
  responses: {
    200: {
      description: 'Deleted.',
      body: z.object({ deleted: z.int().meta({ description: 'The number of live items that were deleted.' }) }),
      headers: Replays,
    },
  },
  errors: [...writeErrors, ...onceErrors],
})
