import { type SQL, sql } from 'drizzle-orm'
import { withIdempotency } from '../../idempotency/sql/with-idempotency.js'
import { items } from '../../postgres/schema.js'
import { defineStatement, type Fragment, type Placeholders } from '../../postgres/statement.js'
import type { ItemCall } from '../item-call.js'
import type { PutOperation } from '../operation.js'
import { bodyOf } from '../put-value.js'
import { countRows } from './count-rows.js'
import { createdVersion, keptOffset } from './created-version.js'
import type { ItemRow } from './item-row.js'
import { writtenVersion } from './written-version.js'

/** The parameters of a batch of unconditional writes: element n of each array belongs to write n. No item may occur twice. */
export interface UpsertItems {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** JSON objects, whose members `value` are stored as they are written. */
  readonly bodies: readonly string[]
  /** Seconds. */
  readonly ttls: readonly (number | null)[]
  /** Whether the values are returned. */
  readonly wantValues: boolean
}

/** A written item. */
export type UpsertRow = ItemRow & { readonly namespace: string; readonly outcome: 'created' | 'replaced' }

const now = sql`date_trunc('milliseconds', clock_timestamp())`

interface Write {
  readonly overwrites: SQL
  readonly columns: SQL
  readonly values: SQL
  readonly outcome: SQL
}

const unnested: Fragment<UpsertItems> = (p) => sql`unnest(
  ${p.namespaces}::text[], ${p.keys}::text[], ${p.bodies}::text[], ${p.ttls}::bigint[]
)`

/**
 * Writes items in one pass in key order, so that concurrent batches cannot deadlock. Each row of `source` is inserted, or locked and then
 * overwritten if `overwrites` holds. A write that does neither returns no row. `xmax` is 0 in an inserted row.
 */
const written = (source: SQL, write: Write): SQL => sql`
  written as (
    insert into ${items} as i (namespace, key, value, version, created_at, updated_at, expires_at)
    select a.namespace, a.key, a.body::json -> 'value', nextval('item_versions'), a.now, a.now, a.now + a.ttl * interval '1 second'
    from (
      select u.namespace, u.key, u.body, u.ttl, ${now} as now
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

const columns = (write: Write, p: Placeholders<UpsertItems>): SQL => sql`
  w.namespace, w.key, case when ${p.wantValues}::boolean then w.value::text end as value, ${writtenVersion}::text as version,
  ${createdVersion('w')}, w.created_at::text, w.updated_at::text, w.expires_at::text, ${write.outcome} as outcome`

const writeItems = (write: Write) => ({
  plain: defineStatement<UpsertItems, UpsertRow>(
    'write',
    (p) => sql`
      with ${written(sql`${unnested(p)} as u (namespace, key, body, ttl)`, write)}
      select ${columns(write, p)} from written w`,
  ),
  recorded: withIdempotency<UpsertItems>({
    offered: (p) => sql`select * from ${unnested(p)} with ordinality as u (namespace, key, body, ttl, ordinal)`,
    effect: () => written(sql`asked u`, write),
    responded: (p) =>
      sql`select asked.ordinal, ${columns(write, p)} from written w join asked on asked.namespace = w.namespace and asked.key = w.key`,
    done: sql`true`,
  }),
})

/** Creates or replaces items. An expired row that was not swept yet counts as absent and is overwritten. */
export const upsertItems = writeItems({
  overwrites: sql`true`,
  columns: sql`created_offset, created_at, updated_at`,
  values: sql`case when n.live then ${keptOffset} end, case when n.live then i.created_at else n.now end, n.now`,
  outcome: sql`case when w.created_offset is null then 'created' else 'replaced' end`,
})

/** Creates items that do not exist. An expired row that was not swept yet counts as absent and is overwritten. */
export const createItems = writeItems({
  overwrites: sql`i.expires_at <= clock_timestamp()`,
  columns: sql`created_offset, created_at, updated_at`,
  values: sql`null::bigint, n.now, n.now`,
  outcome: sql`'created'`,
})

/** Collects the parameters of a batch of unconditional writes. */
export const toUpsertItems = (calls: readonly ItemCall<Pick<PutOperation, 'key' | 'value' | 'ttl' | 'wantValue'>>[]): UpsertItems => ({
  namespaces: calls.map(({ context }) => context.namespace),
  keys: calls.map(({ input }) => input.key),
  bodies: calls.map(({ input }) => bodyOf(input.value)),
  ttls: calls.map(({ input }) => input.ttl),
  wantValues: calls.some(({ input }) => input.wantValue),
})
