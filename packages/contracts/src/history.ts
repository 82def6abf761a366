import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { IdempotencyKeys, Preferences, WriteConditions, WrittenHeaders } from './headers.js'
import { expiry, ItemMetadata, ItemOrMetadata, itemParams, oneExpiry, oneExpiryFault } from './item-schemas.js'
import { limits } from './limits.js'
import { wholeNumber } from './lists.js'
import { Cursor, JsonValue, Timestamp, Version } from './primitives.js'
import { defineRoute } from './route.js'
import { bodyErrors, creatingErrors, dataErrors, onceErrors } from './route-errors.js'

const route = { tag: 'Items', limited: true } as const

/** A version of an item, current or old. */
export const ItemVersion = ItemMetadata.extend({
  value: JsonValue.optional().meta({ description: 'Absent with `values=false`.' }),
  ended_at: Timestamp.nullable().meta({
    description: 'When the version was replaced or deleted, or expired. Null if it is the current one.',
  }),
  ended: z
    .enum(['replaced', 'deleted', 'expired'])
    .nullable()
    .meta({ description: 'How the version ended. Null if it is the current one.' }),
}).meta({ id: 'ItemVersion' })

const VersionsQuery = z.strictObject({
  page_size: wholeNumber(limits.pageSize).default(10),
  cursor: Cursor.optional(),
  values: z.enum(['true', 'false'], 'must be true or false').default('true').meta({ description: '`false` omits the values.' }),
})

const VersionPage = z
  .object({
    versions: z.array(ItemVersion),
    next_cursor: Cursor.nullable().meta({ description: 'Continues after the last version of this page. Null on the last page.' }),
  })
  .meta({ id: 'VersionPage' })

/** Lists the versions of an item. */
export const listItemVersions = defineRoute({
  ...endpoints.listItemVersions,
  ...route,
  summary: 'List the versions of an item',
  description:
    'The current version, if the item exists, and the old ones that the history of the namespace keeps, newest first. Includes those before the item was deleted. Empty if there are none.',
  request: { params: itemParams, query: VersionsQuery },
  responses: { 200: { description: 'A page.', body: VersionPage } },
  errors: dataErrors,
})

/** The body of a request that restores a version. */
export const Restoration = z
  .strictObject({
    version: Version.meta({ description: 'The version whose value is written.' }),
    ...expiry,
  })
  .refine(oneExpiry, oneExpiryFault)
  .meta({ id: 'Restoration', examples: [{ version: '184' }] })

/** Writes the value of an old version again. */
export const restoreItem = defineRoute({
  ...endpoints.restoreItem,
  ...route,
  summary: 'Restore a version of an item',
  description:
    'Puts the value of a version that is kept, as a new version. Creates the item if it was deleted or has expired. Without `ttl`, `expires_at` or `keep_ttl` the item becomes permanent. The API key also needs the scope `read`.',
  request: {
    params: itemParams,
    headers: WriteConditions.extend({ ...Preferences.shape, ...IdempotencyKeys.shape }),
    body: Restoration,
    bodyBytesMax: limits.settingsBytes,
  },
  responses: {
    200: { description: 'Replaced.', body: ItemOrMetadata, headers: WrittenHeaders },
    201: { description: 'Created.', body: ItemOrMetadata, headers: WrittenHeaders },
  },
  errors: [...bodyErrors, ...onceErrors, ...creatingErrors, 'version_not_kept', 'precondition_failed'],
})
