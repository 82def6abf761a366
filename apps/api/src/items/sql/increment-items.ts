import { sql } from 'drizzle-orm'
import { withIdempotency } from '../../idempotency/sql/with-idempotency.js'
import { items } from '../../postgres/schema.js'
import { defineStatement, type Fragment } from '../../postgres/statement.js'
import { conditionsHold } from '../conditions.js'
import type { ItemCall } from '../item-call.js'
import type { Conditions } from '../operation.js'
import type { ItemRow } from './item-row.js'
import { lockedIsLive } from './lock-items.js'

/** The parameters of a batch of increments: element n of each array belongs to increment n. A key may occur more than once. */
export interface IncrementItems {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** Integers of 64 bits as text. */
  readonly deltas: readonly string[]
  /** Bounds of the results: integers of any size as text. */
  readonly mins: readonly string[]
  readonly maxs: readonly string[]
  /** Seconds until the counter expires; null keeps its expiry. */
  readonly newTtls: readonly (number | null)[]
  /** Whether to reject an increment if the counter would never expire. */
  readonly requireTtls: readonly boolean[]
  /** `*`, or versions separated by commas. */
  readonly ifMatches: readonly (string | null)[]
  readonly ifNoneMatches: readonly (string | null)[]
}

/**
 * The outcome of an increment. `apart`: some increment of the key cannot be applied, so none was; each must run in a statement of its own.
 * `not_an_integer`: the value is another JSON value, or a number that is not written as an integer.
 */
export type IncrementRow = { readonly ordinal: number } & (
  | ({ readonly outcome: 'incremented' } & ItemRow)
  | { readonly outcome: 'out_of_bounds'; readonly value: string; readonly version: string; readonly expires_at: string | null }
  | { readonly outcome: 'precondition_failed' | 'ttl_required'; readonly version: string | null }
  | { readonly outcome: 'missing' | 'not_an_integer' | 'apart' }
)

const offered: Fragment<IncrementItems> = (p) => sql`
      select * from unnest(
        ${p.namespaces}::text[], ${p.keys}::text[], ${p.deltas}::bigint[], ${p.mins}::numeric[],
        ${p.maxs}::numeric[], ${p.newTtls}::bigint[], ${p.requireTtls}::boolean[],
        ${p.ifMatches}::text[], ${p.ifNoneMatches}::text[]
      ) with ordinality as a (namespace, key, by, min, max, new_ttl, require_ttl, if_match, if_none_match, ordinal)`

const effect = () => sql`
    locked as materialized (
      select i.namespace, i.key, i.version, i.version - coalesce(i.created_offset, 0) as created_version, i.expires_at, i.value::text as text
      from (select distinct namespace, key from asked) a join ${items} i on i.namespace = a.namespace and i.key = a.key
      order by i.namespace, i.key
      for update of i
    ), clock as materialized (
      select clock_timestamp() as now from (select count(*) from locked) waited
    ), added as materialized (
      select asked.ordinal, asked.namespace, asked.key, asked.min, asked.max, asked.new_ttl, locked.text, locked.version, locked.created_version,
        locked.expires_at,
        date_trunc('milliseconds', clock.now) as now,
        ${lockedIsLive} as live,
        ${conditionsHold(lockedIsLive)} as holds,
        not asked.require_ttl or asked.new_ttl is not null or locked.expires_at is not null as may_last,
        case when locked.text ~ '^-?[0-9]{1,19}$' then locked.text::numeric end
          + sum(asked.by) over (partition by asked.namespace, asked.key order by asked.ordinal) as result
      from asked
      left join locked on locked.namespace = asked.namespace and locked.key = asked.key
      cross join clock
    ), decided as materialized (
      select added.*,
        case
          when not holds then 'precondition_failed'
          when not live then 'missing'
          when result is null then 'not_an_integer'
          when bool_and(result between min and max and may_last) over key_group then 'incremented'
          when count(*) over key_group > 1 then 'apart'
          when not may_last then 'ttl_required'
          else 'out_of_bounds'
        end as outcome
      from added
      window key_group as (partition by added.namespace, added.key)
    ), versioned as materialized (
      select d.*, nextval('item_versions') as new_version
      from (select * from decided where outcome = 'incremented' order by namespace, key, ordinal) d
    ), updated as (
      update ${items} i
      set value = last.result::text::json, version = last.new_version, created_offset = last.new_version - last.created_version, updated_at = last.now,
        expires_at = case when last.new_ttl is null then i.expires_at else last.now + last.new_ttl * interval '1 second' end
      from (select distinct on (namespace, key) * from versioned order by namespace, key, ordinal desc) last
      where i.namespace = last.namespace and i.key = last.key
      returning i.*
    )`

const responded = () => sql`
    select d.ordinal::int, d.outcome, d.key,
      case d.outcome when 'incremented' then d.result::text when 'out_of_bounds' then d.text end as value,
      case when d.outcome = 'incremented' then v.new_version when d.live then d.version end::text as version,
      d.created_version::text, u.created_at::text, u.updated_at::text,
      case d.outcome when 'incremented' then u.expires_at when 'out_of_bounds' then d.expires_at end::text as expires_at
    from decided d
    left join versioned v on v.ordinal = d.ordinal
    left join updated u on u.namespace = v.namespace and u.key = v.key`

/**
 * Adds integers to counters that exist. The increments of one key are applied under one lock. Each returns the sum up to itself, and has
 * its own version.
 */
export const incrementItems = {
  plain: defineStatement<IncrementItems, IncrementRow>(
    'write',
    (p) => sql`with asked as materialized (${offered(p)}), ${effect()} ${responded()}`,
  ),
  recorded: withIdempotency<IncrementItems>({ offered, effect, responded, done: sql`a.outcome in ('incremented')` }),
}

/** An addition of an integer of 64 bits to another. */
interface IntegerIncrement extends Conditions {
  readonly key: string
  readonly by: bigint
  /** Bounds of the result within 64 bits. */
  readonly min: bigint
  readonly max: bigint
  /** Seconds until the counter expires; null keeps its expiry. */
  readonly newTtl: number | null
  readonly requireTtl: boolean
  /** Whether it must be the only increment of its key in its statement. */
  readonly isAlone: boolean
}

/** Collects the parameters of a batch of increments. */
export const toIncrementItems = (calls: readonly ItemCall<IntegerIncrement>[]): IncrementItems => ({
  namespaces: calls.map(({ context }) => context.namespace),
  keys: calls.map(({ input }) => input.key),
  ifMatches: calls.map(({ input }) => input.ifMatch),
  ifNoneMatches: calls.map(({ input }) => input.ifNoneMatch),
  deltas: calls.map(({ input }) => String(input.by)),
  mins: calls.map(({ input }) => String(input.min)),
  maxs: calls.map(({ input }) => String(input.max)),
  newTtls: calls.map(({ input }) => input.newTtl),
  requireTtls: calls.map(({ input }) => input.requireTtl),
})
