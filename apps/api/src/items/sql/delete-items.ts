import { sql } from 'drizzle-orm'
import { batchWithIdempotency } from '../../idempotency/sql/batch-with-idempotency.js'
import { withIdempotency } from '../../idempotency/sql/with-idempotency.js'
import { items } from '../../postgres/schema.js'
import { defineStatement, type Fragment } from '../../postgres/statement.js'
import { conditionsHold } from '../conditions.js'
import type { DeleteOperation } from '../operation.js'
import type { ItemCall } from '../operation-context.js'
import { countRows } from './count-rows.js'
import { createdVersion } from './created-version.js'
import type { ItemRow } from './item-row.js'
import { lockAsked, lockedIsLive } from './lock-items.js'

/** The arrays of a delete: element n of each belongs to delete n. No key may come twice. */
export interface DeleteItems {
  readonly namespaces: readonly string[]
  readonly keys: readonly string[]
  /** `*`, or versions with commas between. */
  readonly ifMatches: readonly (string | null)[]
  readonly ifNoneMatches: readonly (string | null)[]
  /** Whether the deleted item is to be returned. */
  readonly wantItems: readonly boolean[]
}

/** What became of one delete; `version` is that of the item which stays because of a condition. */
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

/** Removes items for good, each under its conditions; rows are locked in key order before the clock is read. */
export const deleteItems = {
  plain: defineStatement<DeleteItems, DeleteRow>(
    'write',
    (p) => sql`with asked as materialized (${offered(p)}), ${effect()} ${responded()}`,
  ),
  recorded: withIdempotency<DeleteItems>({ offered, effect, responded, done: sql`a.outcome in ('deleted')` }),
  /** Those of one request, which has one record. */
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
