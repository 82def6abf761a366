import { sql } from 'drizzle-orm'
import { bigint, customType, index, integer, json, pgSequence, pgTable, primaryKey, smallint, text, timestamp } from 'drizzle-orm/pg-core'

/** Text compared and ordered by its bytes, whatever the database's locale. */
const bytewiseText = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' })

/** To the millisecond, as the API shows times, so that an item expires at just the instant it names. */
const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

/** Where versions come from: one sequence for all keys, so that a key never gets a version twice. */
export const itemVersions = pgSequence('item_versions')

/** The namespaces that were made with settings; one that has items needs none. Null is no bound. */
export const namespaces = pgTable('namespaces', {
  name: bytewiseText('name').primaryKey(),
  createdAt: instant('created_at').notNull(),
  defaultTtl: bigint('default_ttl', { mode: 'number' }),
  maxTtl: bigint('max_ttl', { mode: 'number' }),
  maxValueBytes: integer('max_value_bytes'),
  maxItems: bigint('max_items', { mode: 'number' }),
})

/** The API keys. `digest` is that of the secret, which is nowhere. Null is no bound. */
export const apiKeys = pgTable('api_keys', {
  id: bytewiseText('id').primaryKey(),
  digest: bytewiseText('digest').notNull(),
  name: bytewiseText('name').notNull(),
  scopes: text('scopes').array().notNull(),
  namespaces: text('namespaces').array(),
  prefix: bytewiseText('prefix'),
  rateLimit: integer('rate_limit'),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at'),
  lastUsedAt: instant('last_used_at'),
})

/**
 * The items, live or expired and not swept yet. `value` is json, not jsonb, because it keeps the text. `created_offset` is `version` less the
 * version that the item was created with; null stands for 0. A service that does not know the column changes `version` alone, and thereby
 * renews the difference: what it writes can pass for a new item, but never for an old one.
 */
export const items = pgTable(
  'items',
  {
    namespace: bytewiseText('namespace').notNull(),
    key: bytewiseText('key').notNull(),
    value: json('value').notNull(),
    version: bigint('version', { mode: 'bigint' }).notNull(),
    createdOffset: bigint('created_offset', { mode: 'bigint' }),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    expiresAt: instant('expires_at'),
  },
  (table) => [
    primaryKey({ columns: [table.namespace, table.key] }),
    index('items_expires_at').on(table.expiresAt).where(sql`${table.expiresAt} is not null`),
    // For the expired rows of one namespace, which its total leaves out.
    index('items_namespace_expires_at').on(table.namespace, table.expiresAt).concurrently().where(sql`${table.expiresAt} is not null`),
  ],
)

/**
 * How many rows `items` has for each namespace, kept in the transactions of the writes, so that a total costs the same
 * in a table of any size. Each namespace has several slots and a connection writes to its own, so that writers do not
 * wait for one another; the number is the sum of the slots.
 */
export const itemCounts = pgTable(
  'item_counts',
  {
    namespace: bytewiseText('namespace').notNull(),
    slot: smallint('slot').notNull(),
    rows: bigint('rows', { mode: 'bigint' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.namespace, table.slot] })],
)

/**
 * What became of writes with an Idempotency-Key, each written in the transaction of its effect. `id` is a digest of caller,
 * namespace and key; `fingerprint` one of the request, so that another request with the same key is found out.
 */
export const idempotencyRecords = pgTable(
  'idempotency_records',
  {
    id: bytewiseText('id').primaryKey(),
    fingerprint: bytewiseText('fingerprint').notNull(),
    result: json('result').notNull(),
    /** What the record was written as. Version 0.1.0, which writes no format, wrote the first. */
    format: smallint('format').notNull().default(1),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('idempotency_records_expires_at').on(table.expiresAt)],
)

/**
 * How many requests each client made in its window, where replicas count together. The migration makes it UNLOGGED, for which
 * Drizzle has no word: a count waits for no fsync, and a crash of the server empties it.
 */
export const requestCounts = pgTable(
  'request_counts',
  {
    id: bytewiseText('id').primaryKey(),
    requests: bigint('requests', { mode: 'number' }).notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('request_counts_expires_at').on(table.expiresAt)],
)

/** All tables. */
export const tables = [namespaces, apiKeys, items, itemCounts, idempotencyRecords, requestCounts] as const
