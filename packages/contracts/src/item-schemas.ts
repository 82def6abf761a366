import { z } from 'zod'
import { ExpiresAt, JsonPatch, JsonValue, Key, Timestamp, Ttl, Version } from './primitives.js'

/** An item without its value, the response to `keys_only=true` and `return=minimal`. */
export const ItemMetadata = z
  .object({
    key: Key,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
    expires_at: Timestamp.nullable().meta({ description: 'Null if the item never expires.' }),
    created_version: Version.meta({
      description:
        'The version that the item was created with. Writes to the item keep it. An item that is created again, after a delete or its expiry, has a greater one.',
    }),
  })
  .meta({ id: 'ItemMetadata' })

/** An item. */
export const Item = ItemMetadata.extend({ value: JsonValue }).meta({ id: 'Item' })

/** The body of a response to a write, without the value if the request prefers `return=minimal`. */
export const ItemOrMetadata = z.union([Item, ItemMetadata])

/** The members of a write that determine the expiry of the item. */
export const expiry = {
  ttl: Ttl.nullable().optional(),
  expires_at: ExpiresAt.nullable().optional(),
  keep_ttl: z.boolean().optional().meta({ description: 'Keep the expiry of the existing item, if it has one.' }),
}

/** Whether a write has at most one of these members. */
export const oneExpiry = (write: { ttl?: unknown; expires_at?: unknown; keep_ttl?: unknown }): boolean =>
  [write.ttl != null, write.expires_at != null, write.keep_ttl === true].filter(Boolean).length <= 1
export const oneExpiryFault = { path: ['ttl'], message: 'give only one of ttl, expires_at and keep_ttl' }

/** The body of a create. */
export const NewItem = z
  .strictObject({ key: Key, value: JsonValue, ...expiry })
  .refine(oneExpiry, oneExpiryFault)
  .meta({ id: 'NewItem', examples: [{ key: 'session-42', value: { user: 7 }, ttl: 3600 }] })

/** The body of a put. */
export const ItemWrite = z
  .strictObject({ value: JsonValue, ...expiry })
  .refine(oneExpiry, oneExpiryFault)
  .meta({ id: 'ItemWrite', examples: [{ value: { user: 7 }, ttl: 3600 }] })

/** The body of a patch. */
export const ItemPatch = z
  .strictObject({
    value: JsonPatch.optional(),
    ttl: expiry.ttl.meta({ description: 'Seconds from now until the item expires. Null makes it permanent.' }),
    expires_at: expiry.expires_at.meta({ description: 'The time at which the item expires. Null makes it permanent.' }),
  })
  .refine((patch) => Object.keys(patch).length > 0, 'must have value, ttl or expires_at')
  .refine((patch) => patch.ttl === undefined || patch.expires_at === undefined, {
    path: ['ttl'],
    message: 'give only one of ttl and expires_at',
  })
  .meta({ id: 'ItemPatch', examples: [{ value: { user: 8 } }, { ttl: 3600 }] })

/** The path parameters of a route of one item. */
export const itemParams = z.object({ key: Key })
