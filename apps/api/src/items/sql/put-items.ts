import { sql } from 'drizzle-orm'
import { withIdempotency } from '../../idempotency/sql/with-idempotency.js'
import { items } from '../../postgres/schema.js'
import { defineStatement, type Fragment } from '../../postgres/statement.js'
import { conditionsHold } from '../conditions.js'
import type { ItemCall } from '../operation-context.js'
import type { PutInput } from '../put-item.js'
import { bodyOf } from '../put-value.js'
import { countRows } from './count-rows.js'
import { createdVersion, keptOffset, nextVersion } from './created-version.js'
import type { ItemRow } from './item-row.js'
import { lockAsked, lockedIsLive } from './lock-items.js'
import { writtenVersion } from './written-version.js'

/** The arrays of a put: element n of each belongs to write n. No key may come twice. */
export interface PutItems {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** JSON objects whose member `value` is stored, to the letter. */
  readonly bodies: readonly string[]
  /** Seconds. */
  readonly ttls: readonly (number | null)[]
  readonly expiresAts: readonly (string | null)[]
  /** Whether an item that is there keeps its expiry; one that is not gets that of the write. */
  readonly keepTtls: readonly boolean[]
  /** `*`, or versions with commas between. */
  readonly ifMatches: readonly (string | null)[]
  readonly ifNoneMatches: readonly (string | null)[]
  /** Whether the answer needs the value. */
  readonly wantValues: readonly boolean[]
  readonly valueBytesMax: number
}

/**
 * What became of one write. `raced`: another connection created the item while this statement ran, which its
 * snapshot cannot see; the write was not applied and wants to be run again.
 */
export type PutRow = { readonly ordinal: number } & (
  | ({ readonly outcome: 'created' | 'replaced' } & ItemRow)
  | { readonly outcome: 'precondition_failed'; readonly version: string | null }
  | { readonly outcome: 'too_large' | 'expires_at_past' | 'raced' }
)

const offered: Fragment<PutItems> = (p) => sql`
      select a.*, a.body::json -> 'value' as value
      from unnest(
        ${p.namespaces}::text[], ${p.keys}::text[], ${p.bodies}::text[],
        ${p.ttls}::bigint[], ${p.expiresAts}::timestamptz[], ${p.keepTtls}::text[]::boolean[],
        ${p.ifMatches}::text[], ${p.ifNoneMatches}::text[], ${p.wantValues}::text[]::boolean[]
      ) with ordinality as a (namespace, key, body, ttl, expires_at, keep_ttl, if_match, if_none_match, want_value, ordinal)`

const effect: Fragment<PutItems> = (p) => sql`
    ${lockAsked}, decided as materialized (
      select asked.ordinal, asked.namespace, asked.key, asked.value, asked.want_value,
        date_trunc('milliseconds', clock.now) as now,
        locked.key is not null as present,
        ${lockedIsLive} as live,
        case when ${lockedIsLive} then locked.version end as version,
        case
          when asked.keep_ttl and ${lockedIsLive} then locked.expires_at
          when asked.ttl is not null then date_trunc('milliseconds', clock.now) + asked.ttl * interval '1 second'
          else asked.expires_at
        end as expires_at,
        case
          when octet_length(asked.value::text) > ${p.valueBytesMax}::int then 'too_large'
          when asked.expires_at <= clock.now then 'expires_at_past'
          when not ${conditionsHold(lockedIsLive)} then 'precondition_failed'
          when ${lockedIsLive} then 'replaced'
          else 'created'
        end as outcome
      from asked
      left join locked on locked.namespace = asked.namespace and locked.key = asked.key
      cross join clock
    ), updated as (
      update ${items} i
      set value = d.value, updated_at = d.now, expires_at = d.expires_at, created_at = case when d.live then i.created_at else d.now end,
        (version, created_offset) = (select n.version, case when d.live then ${keptOffset} end from ${nextVersion})
      from decided d
      where i.namespace = d.namespace and i.key = d.key and d.present and d.outcome in ('created', 'replaced')
      returning i.*
    ), inserted as (
      insert into ${items} (namespace, key, value, version, created_at, updated_at, expires_at)
      select d.namespace, d.key, d.value, nextval('item_versions'), d.now, d.now, d.expires_at
      from decided d
      where not d.present and d.outcome = 'created'
      order by d.namespace, d.key
      on conflict (namespace, key) do nothing
      returning *, pg_sequence_last_value('item_versions') as latest
    ), counted as (
      ${countRows(sql`select namespace, 1 as rows from inserted`)}
    )`

const responded = () => sql`
    select d.ordinal::int,
      case when d.outcome in ('created', 'replaced') and w.key is null then 'raced' else d.outcome end as outcome,
      d.key, case when d.want_value then w.value::text end as value,
      coalesce(${writtenVersion}, d.version)::text as version, ${createdVersion('w')}, w.created_at::text, w.updated_at::text, w.expires_at::text
    from decided d
    left join (select *, null::bigint as latest from updated union all select * from inserted) w on w.namespace = d.namespace and w.key = d.key`

/**
 * Creates or replaces items, each under its conditions. Rows are locked in key order, then the clock is read, so that a
 * write that waited for a lock sees the expiry of now; versions are taken after the lock, so they grow with each write.
 * An expired row that was not swept yet counts as absent and is written over.
 */
export const putItems = {
  plain: defineStatement<PutItems, PutRow>('write', (p) => sql`with asked as materialized (${offered(p)}), ${effect(p)} ${responded()}`),
  recorded: withIdempotency<PutItems>({ offered, effect, responded, done: sql`a.outcome in ('created', 'replaced')` }),
}

/** Collects the parameters of a batch of puts. */
export const toPutItems =
  (valueBytesMax: number) =>
  (calls: readonly ItemCall<PutInput>[]): PutItems => ({
    namespaces: calls.map(({ context }) => context.namespace),
    keys: calls.map(({ input }) => input.key),
    ifMatches: calls.map(({ input }) => input.ifMatch),
    ifNoneMatches: calls.map(({ input }) => input.ifNoneMatch),
    ttls: calls.map(({ input }) => input.ttl),
    expiresAts: calls.map(({ input }) => input.expiresAt),
    bodies: calls.map(({ input }) => bodyOf(input.value)),
    keepTtls: calls.map(({ input }) => input.keepTtl),
    wantValues: calls.map(({ input }) => input.wantValue),
    valueBytesMax,
  })
