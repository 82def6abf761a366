import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  customType,
  index,
  integer,
  json,
  pgSequence,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'

/** Text that is compared and ordered by its bytes, in a database of any locale. */
const bytewiseText = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' })

/** A time in milliseconds, the precision of the API, so that an item expires exactly when it says. */
const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

/** The source of versions: one sequence for all keys, so that a key never gets the same version twice. */
export const itemVersions = pgSequence('item_versions')

/**
 * The namespaces that were created with settings. A namespace needs no row to have items. Null means no limit. Triggers on this table set
 * `history_since` and `history_complete_since`, and enable the triggers on `items` that keep old versions.
 */
export const namespaces = pgTable('namespaces', {
  name: bytewiseText('name').primaryKey(),
  createdAt: instant('created_at').notNull(),
  defaultTtl: bigint('default_ttl', { mode: 'number' }),
  maxTtl: bigint('max_ttl', { mode: 'number' }),
  maxValueBytes: integer('max_value_bytes'),
  maxItems: bigint('max_items', { mode: 'number' }),
  /** How many old versions of each key are kept. History is off if both settings are null. */
  historyCount: integer('history_count'),
  /** How long old versions are kept after they ended. Seconds. */
  historySeconds: bigint('history_seconds', { mode: 'number' }),
  /** Since when old versions are recorded; null if history is off. */
  historySince: instant('history_since'),
  /** Since when no version was dropped that the current settings would keep. */
  historyCompleteSince: instant('history_complete_since'),
})

/** The API keys. `digest` is the SHA-256 of the secret, which is not stored. Null means no limit. */
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
 * The items, including expired ones that were not swept yet. `value` is json, not jsonb, because json keeps the text. `created_offset` is
 * `version` minus the version that the item was created with; null means 0. An earlier release that does not know the column changes only
 * `version`, and so `created_version` too: its writes can look like a new item, but never like an old one.
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
    // Counts the expired rows of a namespace, which are subtracted from its total.
    index('items_namespace_expires_at').on(table.namespace, table.expiresAt).concurrently().where(sql`${table.expiresAt} is not null`),
  ],
)

/**
 * The old versions of the items of namespaces with a history. Triggers on `items` write them in the transaction of the write that ended
 * them. The migrations create the triggers, which Drizzle cannot express.
 */
export const itemHistory = pgTable(
  'item_history',
  {
    namespace: bytewiseText('namespace').notNull(),
    key: bytewiseText('key').notNull(),
    value: json('value').notNull(),
    version: bigint('version', { mode: 'bigint' }).notNull(),
    createdVersion: bigint('created_version', { mode: 'bigint' }).notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    expiresAt: instant('expires_at'),
    endedAt: instant('ended_at').notNull(),
    /** `replaced`, `deleted` or `expired`. */
    ended: text('ended').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.namespace, table.key, table.version] }),
    // Finds the versions whose time is over.
    index('item_history_ended_at').on(table.namespace, table.endedAt),
  ],
)

/**
 * The number of rows in `items` by namespace. Each write updates it in its own transaction, so a total costs the same in a table of any
 * size. Each namespace has several slots, and each connection writes to one of them, so that writers rarely wait for each other. The
 * number is the sum of the slots.
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
 * The results of writes with an Idempotency-Key, each stored in the transaction of the write. `id` is a digest of the caller, the
 * namespace and the key. `fingerprint` is a digest of the request, which detects another request with the same key.
 */
export const idempotencyRecords = pgTable(
  'idempotency_records',
  {
    id: bytewiseText('id').primaryKey(),
    fingerprint: bytewiseText('fingerprint').notNull(),
    result: json('result').notNull(),
    /** The format of `result`. Version 0.1.0 wrote format 1 without naming it. */
    format: smallint('format').notNull().default(1),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('idempotency_records_expires_at').on(table.expiresAt)],
)

/**
 * The requests of each client in its rate-limit window, if replicas share their counts. The migration creates it as UNLOGGED, which Drizzle
 * cannot express: a count needs no fsync, and a crash of the server empties the table.
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

/** The id of a PostgreSQL transaction. */
const transactionId = customType<{ data: string }>({ dataType: () => 'xid8' })

/** One byte. */
const byte = customType<{ data: string }>({ dataType: () => '"char"' })

/** The source of positions in the change log. It must not cache values, because its order is the order of the log. */
export const changeSeq = pgSequence('change_seq')

/**
 * The change log. Triggers on `items` write it in the transaction of each change. The migration partitions it by `slot`, which Drizzle
 * cannot express, so that TRUNCATE removes old changes.
 */
export const changes = pgTable(
  'changes',
  {
    seq: bigint('seq', { mode: 'bigint' }).notNull(),
    xid: transactionId('xid').notNull(),
    version: bigint('version', { mode: 'bigint' }).notNull(),
    createdVersion: bigint('created_version', { mode: 'bigint' }),
    createdAt: instant('created_at'),
    at: instant('at').notNull(),
    expiresAt: instant('expires_at'),
    slot: smallint('slot').notNull(),
    /** `p` put, `d` delete, `e` expire, or `t` if all items were removed by TRUNCATE. */
    kind: byte('kind').notNull(),
    namespace: bytewiseText('namespace').notNull(),
    key: bytewiseText('key').notNull(),
    value: json('value'),
  },
  (table) => [index('changes_seq').on(table.seq)],
)

/**
 * One row: the slot of the change log that is written, and the highest position that may have been removed (`floor`). All later changes
 * are in the log.
 */
export const changeRing = pgTable('change_ring', {
  one: boolean('one').primaryKey().default(true),
  slot: smallint('slot').notNull(),
  floor: bigint('floor', { mode: 'bigint' }).notNull(),
  rotatedAt: instant('rotated_at').notNull(),
})

/** The tables that the service only reads. Functions write them with the rights of their owner. */
export const readOnlyTables = [changes, changeRing] as const

/** The other tables. */
export const tables = [namespaces, apiKeys, items, itemHistory, itemCounts, idempotencyRecords, requestCounts] as const
