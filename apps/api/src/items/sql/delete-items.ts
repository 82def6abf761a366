import { sql } from 'drizzle-orm'
import { batchWithIdempotency } from '../../idempotency/sql/batch-with-idempotency.js'
import { withIdempotency } from '../../idempotency/sql/with-idempotency.js'
import { items } from '../../postgres/schema.js'
import { defineStatement, type Fragment } from '../../postgres/statement.js'
import { conditionsHold } from '../conditions.js'
import type { ItemCall } from '../item-call.js'
import type { DeleteOperation } from '../operation.js'
import { countRows } from './count-rows.js'
import { createdVersion } from './created-version.js'
import type { ItemRow } from './item-row.js'
import { lockAsked, lockedIsLive } from './lock-items.js'

/** The parameters of a batch of deletes: element n of each array belongs to delete n. No item may occur twice. */
export interface DeleteItems {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** `*`, or versions separated by commas. */
  readonly ifMatches: readonly (string | null)[]
  readonly ifNoneMatches: readonly (string | null)[]
  /** Whether the deleted item is returned. */
  readonly wantItems: readonly boolean[]
}

/** The outcome of a delete. `version` of `precondition_failed` is that of the item. */
export type DeleteRow = { readonly ordinal: number } & (
  | ({ readonly outcome: 'deleted' } & ItemRow)
  | { readonly outcome: 'missing' }
  | { readonly outcome: 'precondition_failed'; readonly version: string }
)

const offered: Fragment<DeleteItems> = (p) => sql`
      select * from unnest(
        ${p.namespaces}::text[], ${p.keys}::text[],
        ${p.ifMatches}::text[], ${p.ifNoneMatches}::text[], ${p.wantItems}::text[]::boolean[]
      ) with ordinality as a (namespace, key, if_match, if_none_match, want_item, ordinal)`

const effect = () => sql`
    ${lockAsked}, decided as materialized (
      select asked.ordinal, asked.namespace, asked.key, asked.want_item, locked.version,
        case
          when not ${lockedIsLive} then 'missing'
          when not ${conditionsHold(lockedIsLive)} then 'precondition_failed'
          else 'deleted'
        end as outcome
      from asked
      left join locked on locked.namespace = asked.namespace and locked.key = asked.key
      cross join clock
    ), deleted as (
      delete from ${items} i using decided d
      where i.namespace = d.namespace and i.key = d.key and d.outcome = 'deleted'
      returning i.*
    ), counted as (
      ${countRows(sql`select namespace, -1 as rows from deleted`)}
    )`

const responded = () => sql`
    select d.ordinal::int, d.outcome, d.key, case when d.want_item then x.value::text end as value,
      case when d.outcome <> 'missing' then d.version::text end as version, ${createdVersion('x')},
      x.created_at::text, x.updated_at::text, x.expires_at::text
    from decided d
    left join deleted x on x.namespace = d.namespace and x.key = d.key`

/** Deletes items, each under its own conditions. */
export const deleteItems = {
  plain: defineStatement<DeleteItems, DeleteRow>(
    'write',
    (p) => sql`with asked as materialized (${offered(p)}), ${effect()} ${responded()}`,
  ),
  recorded: withIdempotency<DeleteItems>({ offered, effect, responded, done: sql`a.outcome in ('deleted')` }),
  /** The deletes of one request, which has one record. */
  batch: batchWithIdempotency<DeleteItems>({ offered, effect, responded }),
}

/** Collects the parameters of a batch of deletes. */
export const toDeleteItems = (calls: readonly ItemCall<DeleteOperation>[]): DeleteItems => ({
  namespaces: calls.map(({ context }) => context.namespace),
  keys: calls.map(({ input }) => input.key),
  ifMatches: calls.map(({ input }) => input.ifMatch),
  ifNoneMatches: calls.map(({ input }) => input.ifNoneMatch),
  wantItems: calls.map(({ input }) => input.wantItem),
})
