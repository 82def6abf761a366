import { type SQL, sql } from 'drizzle-orm'
import { withIdempotency } from '../../idempotency/sql/with-idempotency.js'
import { items } from '../../postgres/schema.js'
import type { Fragment, Placeholders } from '../../postgres/statement.js'
import { defineBinaryStatement } from '../../postgres/wire/binary-statement.js'
import type { ItemCall } from '../item-call.js'
import type { PutOperation } from '../operation.js'
import { countRows } from './count-rows.js'
import { createdVersion, createdVersionOf, keptOffset } from './created-version.js'
import { toUpdateItems, type UpdateItems } from './update-items.js'
import { readWrittenRow, type WrittenRow } from './written-row.js'
import { writtenVersion } from './written-version.js'

/** The parameters of a batch of unconditional puts: element n of each array belongs to put n. No item may occur twice. */
export interface UpsertItems extends UpdateItems {
  /** Seconds. */
  readonly ttls: readonly (number | null)[]
}

/** The same, with what the statement with idempotency records needs besides. */
export interface RecordedUpserts extends UpsertItems {
  /** Whether the values are returned. */
  readonly wantValues: boolean
}

const now = sql`date_trunc('milliseconds', clock_timestamp())`

interface Write {
  readonly name: string
  readonly overwrites: SQL
  readonly columns: SQL
  readonly values: SQL
  /** Whether the row `w` was created. */
  readonly created: SQL
}

const offered: Fragment<UpsertItems> = (p) => sql`
  select *
  from unnest(${p.namespaces}::text[], ${p.keys}::text[], ${p.values}::text[], ${p.ttls}::int8[])
    with ordinality as u (namespace, key, value, ttl, ordinal)`

/**
 * Writes items in one pass in key order, so that concurrent batches cannot deadlock. Each row of `source` is inserted, or locked and then
 * overwritten if `overwrites` holds. A write that does neither returns no row. `xmax` is 0 in an
 * inserted row.
 */
const written = (source: SQL, write: Write): SQL => sql`
  written as (
    insert into ${items} as i (namespace, key, value, version, created_at, updated_at, expires_at)
    select a.namespace, a.key, a.value::json, nextval('item_versions'), a.now, a.now, a.now + a.ttl * interval '1 second'
    from (
      select u.*, ${now} as now
      from ${source}
      order by u.namespace collate "C", u.key collate "C"
    ) a
    on conflict (namespace, key) do update
    set value = excluded.value,
      (version, ${write.columns}, expires_at) = (
        select n.version, ${write.values}, n.now + (excluded.expires_at - excluded.updated_at)
        from (
          select nextval('item_versions') as version, date_trunc('milliseconds', clock.now) as now, i.expires_at is null or i.expires_at > clock.now as live
          from (select clock_timestamp() as now offset 0) clock
          offset 0
        ) n
      )
    where ${write.overwrites}
    returning i.*, i.xmax = 0 as inserted, case when i.xmax = 0 then pg_sequence_last_value('item_versions') end as latest
  ), counted as (
    ${countRows(sql`select namespace, 1 as rows from written where inserted`)}
  )`

/** Returns the columns of the written row `w`. */
const columns = (write: Write, p: Placeholders<RecordedUpserts>): SQL => sql`
  w.namespace, w.key, case when ${p.wantValues}::boolean then w.value::text end as value, ${writtenVersion}::text as version,
  ${createdVersion('w')}, w.created_at::text, w.updated_at::text, w.expires_at::text,
  case when ${write.created} then 'created' else 'replaced' end as outcome`

const writeItems = (write: Write) => ({
  plain: defineBinaryStatement<UpsertItems, WrittenRow>(
    'write',
    write.name,
    { namespaces: 'text[]', keys: 'text[]', values: 'text[]', ttls: 'int8[]' },
    (p) => sql`
      with asked as materialized (${offered(p)}),
      ${written(sql`asked u`, write)}
      select asked.ordinal::int, ${writtenVersion}, ${createdVersionOf('w')}, w.created_at, w.updated_at, w.expires_at, ${write.created}
      from written w join asked on asked.namespace = w.namespace and asked.key = w.key`,
    readWrittenRow,
  ),
  recorded: withIdempotency<RecordedUpserts>({
    offered,
    effect: () => written(sql`asked u`, write),
    responded: (p) =>
      sql`select asked.ordinal, ${columns(write, p)} from written w join asked on asked.namespace = w.namespace and asked.key = w.key`,
    done: sql`true`,
  }),
})

/** Creates or replaces items. An expired row that was not swept yet counts as absent and is overwritten. */
export const upsertItems = writeItems({
  name: 'upsert_items',
  overwrites: sql`true`,
  columns: sql`created_offset, created_at, updated_at`,
  values: sql`case when n.live then ${keptOffset} end, case when n.live then i.created_at else n.now end, n.now`,
  created: sql`w.created_offset is null`,
})

/** Creates items that do not exist. An expired row that was not swept yet counts as absent and is overwritten. */
export const createItems = writeItems({
  name: 'create_items',
  overwrites: sql`i.expires_at <= clock_timestamp()`,
  columns: sql`created_offset, created_at, updated_at`,
  values: sql`null::bigint, n.now, n.now`,
  created: sql`true`,
})

/** Collects the parameters of a batch of puts. */
export const toUpsertItems = (calls: readonly ItemCall<Pick<PutOperation, 'key' | 'value' | 'ttl' | 'wantValue'>>[]): RecordedUpserts => ({
  ...toUpdateItems(calls),
  ttls: calls.map(({ input }) => input.ttl),
  wantValues: calls.some(({ input }) => input.wantValue),
})
