import { z } from 'zod'

const etag = String.raw`(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"`

/** `*`, or a list of entity tags (RFC 9110 section 8.8.3). Each white space matches in one way only, to avoid exponential backtracking. */
const EntityTags = z
  .string()
  .regex(
    new RegExp(String.raw`^(?:\*|[ \t,]*${etag}(?:[ \t]*,(?:[ \t]*${etag})?)*[ \t]*)$`),
    'must be * or ETags in double quotes, such as "184"',
  )

/** Conditions of a read (RFC 9110 sections 13.1.1 and 13.1.2). */
export const ReadConditions = z.object({
  'if-match': EntityTags.optional().meta({ description: 'Read only if the item has this ETag. Otherwise the response is 412.' }),
  'if-none-match': EntityTags.optional().meta({ description: 'Respond with 304 if the item has this ETag.' }),
})

/** Conditions of a write (RFC 9110 section 13.1). */
export const WriteConditions = z.object({
  'if-match': EntityTags.optional().meta({ description: 'Write only if the item has this ETag. `*`: only if the item exists.' }),
  'if-none-match': EntityTags.optional().meta({ description: '`*`: write only if the item does not exist.' }),
})

/** The preferred response to a write (RFC 7240). */
export const Preferences = z.object({
  prefer: z.string().optional().meta({ description: '`return=minimal` omits the value from the response.' }),
})

/** The preferred response to a delete (RFC 7240). */
export const DeletePreferences = z.object({
  prefer: z.string().optional().meta({ description: '`return=representation` returns the deleted item.' }),
})

/** The idempotency key of a write (draft-ietf-httpapi-idempotency-key-header): a string of structured fields, or a bare token. */
export const IdempotencyKeys = z.object({
  'idempotency-key': z
    .string()
    .regex(
      /^(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255}"|[!#$%&'*+.^_`|~0-9A-Za-z:/-]{1,255})$/,
      'must be 1 to 255 characters in double quotes, or a token',
    )
    .optional()
    .meta({
      description: 'Applies the request once, however often it is sent with this key.',
      examples: ['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
    }),
})

/** Whether a response is that of an earlier request with the same Idempotency-Key. */
export const Replays = z.object({
  'idempotency-replayed': z
    .string()
    .optional()
    .meta({ description: '`true`: the response of the first request with this `Idempotency-Key`.' }),
})

/** The entity tag of a response about one item. */
export const ItemHeaders = z.object({
  etag: z.string().meta({ description: 'The version in double quotes, a strong entity tag.', examples: ['"184"'] }),
})

/** The headers of a response to a write that supports `Prefer`. */
export const WrittenHeaders = ItemHeaders.extend({
  ...Replays.shape,
  'preference-applied': z.string().optional().meta({ description: 'The preference that was applied.' }),
})
