import { type SQL, sql } from 'drizzle-orm'
import { items } from '../../postgres/schema.js'
import { defineBinaryStatement } from '../../postgres/wire/binary-statement.js'
import type { RowReader } from '../../postgres/wire/row-reader.js'
import { createdVersionOf } from './created-version.js'
import type { ItemRow } from './item-row.js'

/** A live item. The key is not sent back; the batch sets it to that of its call. */
export interface LiveRow extends ItemRow {
  /** The position of its key among the parameters, from 1. */
  readonly ordinal: number
  key: string
  /** Seconds, rounded up; null if it never expires. */
  readonly ttl_remaining: number | null
}

/**
 * The columns of a live item. Expiry is decided by the time at which the implicit transaction starts, with the Bind message and before the
 * snapshot. A later time could treat an item as expired although its expiry was extended meanwhile. `statement_timestamp()` is later: it is
 * that of the Execute message.
 */
const columns = (ordinal: SQL): SQL => sql`
  ${ordinal}::int as ordinal, i.value::text, i.version, ${createdVersionOf('i')}, i.created_at, i.updated_at, i.expires_at,
  case when i.expires_at is not null then greatest(1, ceil(extract(epoch from i.expires_at - transaction_timestamp())))::int8 end as ttl_remaining`

const isLive: SQL = sql`(i.expires_at is null or i.expires_at > transaction_timestamp())`

const read = (row: RowReader): LiveRow => {
  const ordinal = row.int4()
  const value = row.text()
  const version = row.requiredInt8()
  const created_version = row.int8()
  const created_at = row.requiredInstant()
  const updated_at = row.requiredInstant()
  const expires_at = row.instant()
  const ttl = row.int8()
  return {
    ordinal,
    key: '',
    value,
    version,
    created_version,
    created_at,
    updated_at,
    expires_at,
    ttl_remaining: ttl === null ? null : Number(ttl),
  }
}

/** Reads an item if it is live. */
export const getItem = defineBinaryStatement<{ readonly namespace: string; readonly key: string }, LiveRow>(
  'read',
  'get_item',
  { namespace: 'text', key: 'text' },
  (p) => sql`select ${columns(sql`1`)} from ${items} i where i.namespace = ${p.namespace}::text and i.key = ${p.key}::text and ${isLive}`,
  read,
)

/** Reads the live ones of several items: element n of each array belongs to item n. */
export const getItems = defineBinaryStatement<{ readonly namespaces: readonly string[]; readonly keys: readonly string[] }, LiveRow>(
  'read',
  'get_items',
  { namespaces: 'text[]', keys: 'text[]' },
  (p) => sql`
    select ${columns(sql`a.ordinal`)}
    from unnest(${p.namespaces}::text[], ${p.keys}::text[]) with ordinality as a (namespace, key, ordinal)
    join ${items} i on i.namespace = a.namespace and i.key = a.key
    where ${isLive}`,
  read,
)
