import { z } from 'zod'
import { endpoints } from './endpoints.js'
import { Item, ItemMetadata } from './item-schemas.js'
import { limits } from './limits.js'
import { Key, Prefix, Timestamp, Version } from './primitives.js'
import { defineRoute } from './route.js'
import { dataErrors } from './route-errors.js'

const cursorMessage = 'must be the id of an event, or the cursor of a page of changes'

/** A position in the change log. */
export const ChangeCursor = z
  .string()
  .regex(/^[A-Za-z0-9_-]{8}\.[0-9]{1,16}$/, cursorMessage)
  .meta({
    id: 'ChangeCursor',
    description: 'Opaque: the `id` of an event, or the `cursor` of a page of changes. Continues after it.',
    examples: ['q8Zx1w2A.81233'],
  })

const transactionId = z.string().meta({
  description: 'Opaque. Changes with the same `tx` were committed together. They may be delivered with others in between.',
  examples: ['60521'],
})

/** An item that was created or replaced. */
export const PutEvent = z
  .union([Item, ItemMetadata])
  .and(
    z.object({
      created: z.boolean().optional().meta({ description: 'Whether the item was created. Absent in a snapshot.' }),
      tx: transactionId.optional(),
    }),
  )
  .meta({ id: 'PutEvent', description: 'An item was created or replaced. `value` is absent with `values=false`.' })

const ended = {
  key: Key,
  version: Version.meta({ description: 'The version of the item that ended.' }),
  at: Timestamp,
  tx: transactionId,
}

/** An item that was deleted. */
export const DeleteEvent = z.object(ended).meta({ id: 'DeleteEvent', description: 'An item was deleted.' })

/** An item that expired. */
export const ExpireEvent = z
  .object(ended)
  .meta({ id: 'ExpireEvent', description: 'An item expired at the time `at`. It comes when the row is removed, at most seconds later.' })

/** The end of a snapshot, or the start of a stream without one. */
export const ReadyEvent = z
  .object({})
  .meta({ id: 'ReadyEvent', description: 'The snapshot is complete. Without one: the stream starts here.' })

/** The reasons why a stream cannot continue from a cursor. */
export const resetReasons = ['cursor_too_old', 'cursor_foreign', 'items_truncated', 'snapshot_interrupted'] as const

/** A stream that could not continue without a gap. */
export const ResetEvent = z.object({ reason: z.enum(resetReasons) }).meta({
  id: 'ResetEvent',
  description:
    'Changes before this event are missing, so discard what you know. With `snapshot=true` a new snapshot follows. Otherwise list the items now: the stream continues from this event.',
})

/** A change in a page of changes. */
export const Change = z
  .discriminatedUnion('type', [
    z.object({
      type: z.literal('put'),
      ...ItemMetadata.shape,
      value: Item.shape.value.optional(),
      created: z.boolean(),
      tx: transactionId,
    }),
    z.object({ type: z.literal('delete'), ...ended }),
    z.object({ type: z.literal('expire'), ...ended }),
  ])
  .meta({ id: 'Change' })

const repeated = <S extends z.ZodType>(schema: S, max: number, noun: string) =>
  z.preprocess(
    (input: string | readonly string[]) => (typeof input === 'string' ? [input] : input),
    z.array(schema).max(max, `must be at most ${max} ${noun}`),
  )

const flag = z.enum(['true', 'false'], 'must be true or false')

const selection = {
  prefix: repeated(Prefix, limits.watchPrefixes, 'prefixes')
    .default([])
    .meta({ description: 'Changes of keys that start with this text. May be repeated.', examples: [['config/']] }),
  key: repeated(Key, limits.watchKeysInQuery, 'keys')
    .default([])
    .meta({ description: 'Changes of this key. May be repeated. Without `key` and `prefix`: of all keys.', examples: [['config/mode']] }),
  values: flag.default('true').meta({ description: '`false` omits the values.' }),
}

/** The query of a watch. */
export const WatchQuery = z.strictObject({
  ...selection,
  snapshot: flag.default('false').meta({
    description: '`true` sends all items first, then `ready`, then the changes, without a gap. Ignored with a valid cursor.',
  }),
  cursor: ChangeCursor.optional(),
})

/** The body of a watch. */
export const Watch = z
  .strictObject({
    prefixes: z.array(Prefix).max(limits.watchPrefixes, `must be at most ${limits.watchPrefixes} prefixes`).default([]),
    keys: z.array(Key).max(limits.watchKeys, `must be at most ${limits.watchKeys} keys`).default([]),
    snapshot: z.boolean().default(false),
    values: z.boolean().default(true),
    cursor: ChangeCursor.optional(),
  })
  .meta({ id: 'Watch', examples: [{ prefixes: ['config/'], snapshot: true }] })

const LastEventId = z.object({
  'last-event-id': z.string().max(64, 'must have at most 64 characters').optional().meta({
    description: 'The cursor that an `EventSource` sends when it reconnects. It takes precedence over `cursor`.',
  }),
})

const stream = {
  200: {
    description:
      'The stream. Events `put`, `delete`, `expire`, `ready` and `reset`. An `id` without data is a heartbeat: it moves the cursor and is no event.',
    contentType: 'text/event-stream',
    events: { put: PutEvent, delete: DeleteEvent, expire: ExpireEvent, ready: ReadyEvent, reset: ResetEvent },
  },
} as const

const route = { tag: 'Changes', limited: true, enabledBy: 'CHANGE_LOG' } as const

const streamErrors = [...dataErrors, 'too_many_streams'] as const

/** Streams the changes of items as server-sent events. */
export const watch = defineRoute({
  ...endpoints.watch,
  ...route,
  summary: 'Watch items',
  description:
    'Server-sent events, for `EventSource` and `curl -N`. The stream continues without gaps and duplicates from `Last-Event-ID` or `cursor`, on any replica.',
  request: { query: WatchQuery, headers: LastEventId, repeatable: ['prefix', 'key'] },
  responses: stream,
  errors: streamErrors,
})

/** Streams the changes of many keys and prefixes. */
export const watchMany = defineRoute({
  ...endpoints.watchMany,
  ...route,
  summary: 'Watch many items',
  description: `Like \`GET /watch\`, with up to ${limits.watchKeys} keys in the body.`,
  request: { headers: LastEventId, body: Watch, bodyBytesMax: limits.batchBytes },
  responses: stream,
  errors: [...streamErrors, 'malformed_json', 'too_large', 'unsupported_media_type'],
})

const pageLimit = (message: string) =>
  z.preprocess(
    (input: number | string) => (/^[0-9]{1,16}$/.test(String(input)) ? Number(input) : input),
    z.int(message).min(1, message).max(limits.changesPage, message),
  )

/** The query of a page of changes. */
const ChangesQuery = z.strictObject({
  ...selection,
  cursor: ChangeCursor.optional().meta({ description: 'Continues after this position.' }),
  from: z
    .enum(['now', 'oldest'], 'must be now or oldest')
    .default('now')
    .meta({ description: 'The start without a cursor: after all changes, or the oldest change in the log.' }),
  limit: pageLimit(`must be a whole number from 1 to ${limits.changesPage}`).default(100),
})

/** A page of changes. */
export const ChangePage = z
  .object({
    changes: z.array(Change),
    cursor: ChangeCursor.meta({ description: 'Continues after this page.' }),
    more: z.boolean().meta({ description: 'Whether further changes are known already. If not, ask again later.' }),
  })
  .meta({ id: 'ChangePage' })

/** Reads the changes after a cursor. */
export const listChanges = defineRoute({
  ...endpoints.listChanges,
  ...route,
  summary: 'List changes',
  description: 'The changes that `GET /watch` streams, by pages, for clients that poll.',
  request: { query: ChangesQuery, repeatable: ['prefix', 'key'] },
  responses: { 200: { description: 'A page.', body: ChangePage } },
  errors: [...dataErrors, 'cursor_gone'],
})
