import { sql } from 'drizzle-orm'
import { withIdempotency } from '../../idempotency/sql/with-idempotency.js'
import { items } from '../../postgres/schema.js'
import { defineStatement, type Fragment } from '../../postgres/statement.js'
import { conditionsHold } from '../conditions.js'
import type { ItemCall } from '../item-call.js'
import type { PutInput } from '../operation.js'
import { createdVersion, keptOffset, nextVersion } from './created-version.js'
import type { ItemRow } from './item-row.js'
import { lockAsked, lockedIsLive } from './lock-items.js'

/** The parameters of a batch of replacements: element n of each array belongs to replacement n. No item may occur twice. */
export interface ReplaceItems {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** JSON texts, which are stored as they are. */
  readonly values: readonly string[]
  /** Seconds. */
  readonly ttls: readonly (number | null)[]
  readonly expiresAts: readonly (string | null)[]
  /** Whether the item keeps its expiry. */
  readonly keepTtls: readonly boolean[]
  /** `*`, or versions separated by commas. */
  readonly ifMatches: readonly (string | null)[]
  readonly ifNoneMatches: readonly (string | null)[]
  /** Whether the value is returned. */
  readonly wantValues: readonly boolean[]
  readonly valueBytesMax: number
}

/** The outcome of a replacement. `version` of `precondition_failed` is that of the item, null if it does not exist. */
export type ReplaceRow = { readonly ordinal: number } & (
  | ({ readonly outcome: 'replaced' } & ItemRow)
  | { readonly outcome: 'precondition_failed'; readonly version: string | null }
  | { readonly outcome: 'too_large' | 'expires_at_past' }
)

const offered: Fragment<ReplaceItems> = (p) => sql`
      select a.*, a.new_value::json as value
      from unnest(
        ${p.namespaces}::text[], ${p.keys}::text[], ${p.values}::text[],
        ${p.ttls}::bigint[], ${p.expiresAts}::timestamptz[], ${p.keepTtls}::text[]::boolean[],
        ${p.ifMatches}::text[], ${p.ifNoneMatches}::text[], ${p.wantValues}::text[]::boolean[]
      ) with ordinality as a (namespace, key, new_value, ttl, expires_at, keep_ttl, if_match, if_none_match, want_value, ordinal)`

const effect: Fragment<ReplaceItems> = (p) => sql`
    ${lockAsked}, decided as materialized (
      select asked.ordinal, asked.namespace, asked.key, asked.value, asked.want_value,
        date_trunc('milliseconds', clock.now) as now,
        case when ${lockedIsLive} then locked.version end as version,
        case
          when asked.keep_ttl then locked.expires_at
          when asked.ttl is not null then date_trunc('milliseconds', clock.now) + asked.ttl * interval '1 second'
          else asked.expires_at
        end as expires_at,
        case
          when octet_length(asked.value::text) > ${p.valueBytesMax}::int then 'too_large'
          when asked.expires_at <= clock.now then 'expires_at_past'
          when not ${conditionsHold(lockedIsLive)} then 'precondition_failed'
          else 'replaced'
        end as outcome
      from asked
      left join locked on locked.namespace = asked.namespace and locked.key = asked.key
      cross join clock
    ), updated as (
      update ${items} i
      set value = d.value, updated_at = d.now, expires_at = d.expires_at,
        (version, created_offset) = (select n.version, ${keptOffset} from ${nextVersion})
      from decided d
      where i.namespace = d.namespace and i.key = d.key and d.outcome = 'replaced'
      returning i.*
    )`

const responded = () => sql`
    select d.ordinal::int, d.outcome, d.key, case when d.want_value then u.value::text end as value,
      coalesce(u.version, d.version)::text as version, ${createdVersion('u')}, u.created_at::text, u.updated_at::text, u.expires_at::text
    from decided d
    left join updated u on u.namespace = d.namespace and u.key = d.key`

/**
 * Replaces items that exist, each under its conditions, which must include If-Match. Locks the rows first and then decides, so that a row
 * whose conditions do not hold is not written. `putItems` writes such a row as it is if it lost a race.
 */
export const replaceItems = {
  plain: defineStatement<ReplaceItems, ReplaceRow>(
    'write',
    (p) => sql`with asked as materialized (${offered(p)}), ${effect(p)} ${responded()}`,
  ),
  recorded: withIdempotency<ReplaceItems>({ offered, effect, responded, done: sql`a.outcome in ('replaced')` }),
}

/** Collects the parameters of a batch of replacements. */
export const toReplaceItems =
  (valueBytesMax: number) =>
  (calls: readonly ItemCall<PutInput>[]): ReplaceItems => ({
    namespaces: calls.map(({ context }) => context.namespace),
    keys: calls.map(({ input }) => input.key),
    ifMatches: calls.map(({ input }) => input.ifMatch),
    ifNoneMatches: calls.map(({ input }) => input.ifNoneMatch),
    ttls: calls.map(({ input }) => input.ttl),
    expiresAts: calls.map(({ input }) => input.expiresAt),
    values: calls.map(({ input }) => input.value),
    keepTtls: calls.map(({ input }) => input.keepTtl),
    wantValues: calls.map(({ input }) => input.wantValue),
    valueBytesMax,
  })
