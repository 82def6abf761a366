import { z } from 'zod'

const etag = String.raw`(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"`

/** `*`, or a list of entity tags (RFC 9110 section 8.8.3). Each white space can match in one way only, so that no header takes long. */
const EntityTags = z
  .string()
  .regex(
    new RegExp(String.raw`^(?:\*|[ \t,]*${etag}(?:[ \t]*,(?:[ \t]*${etag})?)*[ \t]*)$`),
    'must be * or ETags in double quotes as the service answers them, such as "184"',
  )

/** Conditions of a read (RFC 9110 sections 13.1.1 and 13.1.2). */
export const ReadConditions = z.object({
  'if-match': EntityTags.optional().meta({ description: 'Read only if the item has this ETag; else the response is 412.' }),
  'if-none-match': EntityTags.optional().meta({ description: 'Answer 304 where the item still has this ETag.' }),
})

/** Conditions of a write (RFC 9110 section 13.1). */
export const WriteConditions = z.object({
  'if-match': EntityTags.optional().meta({ description: 'Write only where the item has this ETag; `*`: where it exists.' }),
  'if-none-match': EntityTags.optional().meta({ description: '`*`: write only where the item does not exist.' }),
})

/** What a write should answer (RFC 7240). */
export const Preferences = z.object({
  prefer: z.string().optional().meta({ description: '`return=minimal` leaves the value out of the answer.' }),
})

/** What a delete should return (RFC 7240). */
export const DeletePreferences = z.object({
  prefer: z.string().optional().meta({ description: '`return=representation` returns the deleted item.' }),
})

/** The key that makes a write one that is applied once (draft-ietf-httpapi-idempotency-key-header): a string of structured fields, or a bare token. */
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

/** Whether an answer is that of an earlier request with the same Idempotency-Key. */
export const Replays = z.object({
  'idempotency-replayed': z
    .string()
    .optional()
    .meta({ description: '`true`: the answer of the first request with this `Idempotency-Key`.' }),
})

/** The entity tag that an answer about one item carries. */
export const ItemHeaders = z.object({
  etag: z.string().meta({ description: 'The version in double quotes, a strong entity tag.', examples: ['"184"'] }),
})

/** Headers of the answer to a write that honours `Prefer`. */
export const WrittenHeaders = ItemHeaders.extend({
  ...Replays.shape,
  'preference-applied': z.string().optional().meta({ description: 'The preference that was honoured.' }),
})
