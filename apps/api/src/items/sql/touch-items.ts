import { sql } from 'drizzle-orm'
import { withIdempotency } from '../../idempotency/sql/with-idempotency.js'
import { items } from '../../postgres/schema.js'
import { defineStatement, type Fragment } from '../../postgres/statement.js'
import { conditionsHold } from '../conditions.js'
import type { ItemCall } from '../item-call.js'
import type { TouchOperation } from '../operation.js'
import { createdVersion, keptOffset, nextVersion } from './created-version.js'
import type { ItemRow } from './item-row.js'
import { lockAsked, lockedIsLive } from './lock-items.js'

/** The parameters of a batch of changed expiries: element n of each array belongs to item n. No item may occur twice. */
export interface TouchItems {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** Seconds. An item without a ttl and a time never expires. */
  readonly ttls: readonly (number | null)[]
  readonly expiresAts: readonly (string | null)[]
  /** `*`, or versions separated by commas. */
  readonly ifMatches: readonly (string | null)[]
  readonly ifNoneMatches: readonly (string | null)[]
  readonly wantValues: readonly boolean[]
}

/** The outcome of a changed expiry. `version` of `precondition_failed` is that of the item. */
export type TouchRow = { readonly ordinal: number } & (
  | ({ readonly outcome: 'touched' } & ItemRow)
  | { readonly outcome: 'precondition_failed'; readonly version: string }
  | { readonly outcome: 'missing' | 'expires_at_past' }
)

const offered: Fragment<TouchItems> = (p) => sql`
      select * from unnest(
        ${p.namespaces}::text[], ${p.keys}::text[], ${p.ttls}::bigint[],
        ${p.expiresAts}::timestamptz[], ${p.ifMatches}::text[], ${p.ifNoneMatches}::text[],
        ${p.wantValues}::text[]::boolean[]
      ) with ordinality as a (namespace, key, ttl, expires_at, if_match, if_none_match, want_value, ordinal)`

const effect = () => sql`
    ${lockAsked}, decided as materialized (
      select asked.ordinal, asked.namespace, asked.key, asked.want_value, locked.version, date_trunc('milliseconds', clock.now) as now,
        case when asked.ttl is not null then date_trunc('milliseconds', clock.now) + asked.ttl * interval '1 second' else asked.expires_at end as expires_at,
        case
          when not ${lockedIsLive} then 'missing'
          when not ${conditionsHold(lockedIsLive)} then 'precondition_failed'
          when asked.expires_at <= clock.now then 'expires_at_past'
          else 'touched'
        end as outcome
      from asked
      left join locked on locked.namespace = asked.namespace and locked.key = asked.key
      cross join clock
    ), touched as (
      update ${items} i
      set (version, created_offset) = (select n.version, ${keptOffset} from ${nextVersion}), updated_at = d.now, expires_at = d.expires_at
      from decided d
      where i.namespace = d.namespace and i.key = d.key and d.outcome = 'touched'
      returning i.*
    )`

const responded = () => sql`
    select d.ordinal::int, d.outcome, d.key, case when d.want_value then t.value::text end as value, coalesce(t.version, d.version)::text as version,
      ${createdVersion('t')}, t.created_at::text, t.updated_at::text, t.expires_at::text
    from decided d
    left join touched t on t.namespace = d.namespace and t.key = d.key`

/** Changes when items expire, each under its own conditions. */
export const touchItems = {
  plain: defineStatement<TouchItems, TouchRow>('write', (p) => sql`with asked as materialized (${offered(p)}), ${effect()} ${responded()}`),
  recorded: withIdempotency<TouchItems>({ offered, effect, responded, done: sql`a.outcome in ('touched')` }),
}

/** Collects the parameters of a batch of changed expiries. */
export const toTouchItems = (calls: readonly ItemCall<TouchOperation>[]): TouchItems => ({
  namespaces: calls.map(({ context }) => context.namespace),
  keys: calls.map(({ input }) => input.key),
  ifMatches: calls.map(({ input }) => input.ifMatch),
  ifNoneMatches: calls.map(({ input }) => input.ifNoneMatch),
  ttls: calls.map(({ input }) => input.ttl),
  expiresAts: calls.map(({ input }) => input.expiresAt),
  wantValues: calls.map(({ input }) => input.wantValue),
})
