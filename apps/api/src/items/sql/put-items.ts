import { sql } from 'drizzle-orm'
import { batchWithIdempotency } from '../../idempotency/sql/batch-with-idempotency.js'
import { withIdempotency } from '../../idempotency/sql/with-idempotency.js'
import { items } from '../../postgres/schema.js'
import { defineStatement, type Fragment } from '../../postgres/statement.js'
import { conditionsHold } from '../conditions.js'
import { countRows } from './count-rows.js'
import { createdVersion, keptOffset } from './created-version.js'
import type { ItemRow } from './item-row.js'
import { writtenVersion } from './written-version.js'

/** The parameters of a batch of puts: element n of each array belongs to put n. No item may occur twice. */
export interface PutItems {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** JSON texts, which are stored as they are. */
  readonly values: readonly string[]
  /** Seconds. */
  readonly ttls: readonly (number | null)[]
  readonly expiresAts: readonly (string | null)[]
  /** `*`, or versions separated by commas. */
  readonly ifMatches: readonly (string | null)[]
  readonly ifNoneMatches: readonly (string | null)[]
  /** Whether the value is returned. */
  readonly wantValues: readonly boolean[]
  /** The errors of puts that must not be tried, as JSON texts; null for the others. */
  readonly rejections: readonly (string | null)[]
  /**
   * JSON object with the {@link PutRules} of the puts that have some, by `namespace/key`; null if none has. Without `mayCreate` all have.
   */
  readonly rules: string | null
  /** Whether items may be created. If not, a put that would create one is `full`. */
  readonly mayCreate: boolean
}

/** What decides about a put once its row is locked, besides its value and `ttl`. */
export interface PutRules {
  readonly if_match: string | null
  readonly if_none_match: string | null
  readonly keep_ttl: boolean
  readonly ttl: number | null
  readonly expires_at: string | null
}

/**
 * The outcome of a put. `version` of `precondition_failed` is that of the item. Idempotency records hold these rows, so the names `refused`
 * and `refusal` must stay.
 */
export type PutRow = { readonly ordinal: number } & (
  | ({ readonly outcome: 'created' | 'replaced' } & ItemRow)
  | { readonly outcome: 'precondition_failed'; readonly version: string | null }
  | { readonly outcome: 'expires_at_past' | 'full' }
  /** `refusal` is the JSON text of the error. */
  | { readonly outcome: 'refused'; readonly refusal: string }
)

const mayCreate: Fragment<PutItems> = (p) => sql`${p.mayCreate}::boolean`

/** A put whose conditions do not hold when the statement starts is decided then. It locks and writes nothing. */
const offered: Fragment<PutItems> = (p) => sql`
      select asked.*, case when locked.live then locked.version end as seen_version,
        case
          when asked.refusal is not null then 'refused'
          when asked.expires_at <= statement_timestamp() then 'expires_at_past'
          when not ${conditionsHold(sql`coalesce(locked.live, false)`)} then 'precondition_failed'
          when not coalesce(locked.live, false) and not ${mayCreate(p)} then 'full'
        end as outcome
      from unnest(
        ${p.namespaces}::text[], ${p.keys}::text[], ${p.values}::text[], ${p.ttls}::bigint[], ${p.expiresAts}::timestamptz[],
        ${p.ifMatches}::text[], ${p.ifNoneMatches}::text[], ${p.wantValues}::text[]::boolean[], ${p.rejections}::text[]
      ) with ordinality as asked (namespace, key, new_value, ttl, expires_at, if_match, if_none_match, want_value, refusal, ordinal)
      left join lateral (
        select i.version, i.expires_at is null or i.expires_at > statement_timestamp() as live
        from ${items} i
        where i.namespace = asked.namespace and i.key = asked.key
          and (asked.if_match is not null or asked.if_none_match is not null or not ${mayCreate(p)})
      ) locked on true`

/** Returns the rule of a put that found a row, as columns. They are null if it has no rule. */
const rule = sql`
  select r.rule is not null as ruled, r.rule ->> 'if_match' as if_match, r.rule ->> 'if_none_match' as if_none_match,
    (r.rule -> 'keep_ttl')::boolean as keep_ttl, (r.rule ->> 'ttl')::bigint as ttl, (r.rule ->> 'expires_at')::timestamptz as expires_at
  from (select (select rules from rules) -> (excluded.namespace || '/' || excluded.key) as rule offset 0) r
  offset 0`

/**
 * Computes the new columns of the row `i` after it is locked. If the put may not be applied, `n.version` is null, and the row is written
 * unchanged, so that its version can be returned.
 */
const next: Fragment<PutItems> = (p) => sql`
  select
    case when n.version is null then i.value else excluded.value end,
    coalesce(n.version, i.version),
    case when n.version is null then i.created_offset when n.live then ${keptOffset} end,
    case when n.version is null or n.live then i.created_at else n.now end,
    case when n.version is null then i.updated_at else n.now end,
    case
      when n.version is null or (n.live and n.keep_ttl) then i.expires_at
      when n.ruled then coalesce(n.now + n.ttl * interval '1 second', n.expires_at)
      else n.now + (excluded.expires_at - excluded.updated_at)
    end
  from (
    select asked.*, date_trunc('milliseconds', clock.now) as now, locked.live,
      case
        when ${conditionsHold(sql`locked.live`)} and (locked.live or ${mayCreate(p)}) and (asked.expires_at is null or asked.expires_at > clock.now)
          then nextval('item_versions')
      end as version
    from (select clock_timestamp() as now offset 0) clock
    cross join lateral (select i.version, i.expires_at is null or i.expires_at > clock.now as live offset 0) locked
    cross join lateral (${rule}) asked
    offset 0
  ) n`

/**
 * Inserts rows, or locks and then decides them, in one pass in key order. A put with `if_match` must not create an item, and no put may
 * without `mayCreate`. If another connection deletes the row of such a put meanwhile, a row that expires at -infinity is inserted, which
 * never was an item. `currval`
 * is the last version that the session took. It is the version of the row unless the put was not applied.
 */
const effect: Fragment<PutItems> = (p) => sql`
    rules as materialized (select ${p.rules}::text::jsonb as rules), written as (
      insert into ${items} as i (namespace, key, value, version, created_at, updated_at, expires_at)
      select a.namespace, a.key, a.new_value::json, nextval('item_versions'), a.now, a.now,
        case when a.if_match is not null or not ${mayCreate(p)} then '-infinity'::timestamptz when a.ttl is null then a.expires_at else a.now + a.ttl * interval '1 second' end
      from (
        select asked.*, date_trunc('milliseconds', clock_timestamp()) as now
        from asked
        where asked.outcome is null
        order by asked.namespace collate "C", asked.key collate "C"
      ) a
      on conflict (namespace, key) do update
      set (value, version, created_offset, created_at, updated_at, expires_at) = (${next(p)})
      returning i.*, i.expires_at is null or i.expires_at > clock_timestamp() as live, i.xmax = 0 as inserted, i.version = currval('item_versions') as applied,
        case when i.xmax = 0 then pg_sequence_last_value('item_versions') end as latest
    ), decided as materialized (
      select asked.ordinal, asked.refusal, asked.seen_version, asked.want_value, w.*,
        case
          when asked.outcome is not null then asked.outcome
          when w.inserted and asked.if_match is not null then 'precondition_failed'
          when w.inserted and not ${mayCreate(p)} then 'full'
          when w.inserted or (w.applied and w.created_offset is null) then 'created'
          when w.applied then 'replaced'
          when asked.expires_at <= clock_timestamp() then 'expires_at_past'
          when asked.if_match is null and not w.live then 'full'
          else 'precondition_failed'
        end as outcome
      from asked left join written w on w.namespace = asked.namespace and w.key = asked.key
    ), counted as (
      ${countRows(sql`select namespace, 1 as rows from written where inserted`)}
    )`

const responded = () => sql`
    select w.ordinal::int, w.outcome, w.refusal, w.key,
      case when w.want_value and w.outcome in ('created', 'replaced') then w.value::text end as value,
      case
        when w.outcome in ('created', 'replaced') then ${writtenVersion}
        when w.outcome = 'precondition_failed' and w.version is null then w.seen_version
        when w.outcome = 'precondition_failed' and not w.inserted and w.live then w.version
      end::text as version,
      ${createdVersion('w')}, w.created_at::text, w.updated_at::text, w.expires_at::text
    from decided w`

/**
 * Creates or replaces items, each under its own conditions. Conditions and expiry are decided while the row is locked, and versions are
 * taken then, so they grow with each write. An expired row that was not swept yet counts as absent and is overwritten.
 */
export const putItems = {
  plain: defineStatement<PutItems, PutRow>('write', (p) => sql`with asked as materialized (${offered(p)}), ${effect(p)} ${responded()}`),
  recorded: withIdempotency<PutItems>({ offered, effect, responded, done: sql`a.outcome in ('created', 'replaced')` }),
  /** The puts of one request, which has one record. */
  batch: batchWithIdempotency<PutItems>({ offered, effect, responded }),
}
