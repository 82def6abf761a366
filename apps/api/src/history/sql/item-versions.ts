import { sql } from 'drizzle-orm'
import { valueWithinBudget } from '../../items/sql/value-within-budget.js'
import { defineStatement } from '../../postgres/statement.js'
import {
  currentVersion,
  currentVersions,
  followsEnd,
  historySetting,
  keptVersions,
  mayBeDropped,
  type VersionRow,
  versionColumns,
} from './kept-versions.js'

/** A version of an item. */
export interface GetVersion {
  readonly namespace: string
  readonly key: string
  /** An integer of 64 bits as text. */
  readonly version: string
}

/** Reads a version of an item, current or old. Returns no row if it is not kept. */
export const getVersion = defineStatement<GetVersion, VersionRow>(
  'read',
  (p) => sql`
    with asked as materialized (
      select ${p.namespace}::text as namespace, ${p.key}::text as key, ${p.version}::bigint as version
    ), ${historySetting}, ${currentVersion}, versions as (
      ${currentVersions} union all (${keptVersions} and h.version = asked.version)
    )
    select ${versionColumns('v', sql`v.value::text`)} from versions v join asked on v.version = asked.version`,
)

/** A page of the versions of an item. */
export interface ListVersions {
  readonly namespace: string
  readonly key: string
  /** The page has versions before this one. An integer of 64 bits as text. */
  readonly before: string
  readonly limit: number
  readonly wantValues: boolean
}

/** Reads versions of an item, the newest first. A value is null if it is not wanted, or if it does not fit into the response. */
export const listVersions = defineStatement<ListVersions, VersionRow>(
  'read',
  (p) => sql`
    with asked as materialized (
      select ${p.namespace}::text as namespace, ${p.key}::text as key, ${p.before}::bigint as before, ${p.wantValues}::boolean as want_value
    ), ${historySetting}, ${currentVersion}, versions as materialized (
      ${currentVersions}
      union all
      (${keptVersions} and h.version < asked.before order by h.version desc limit ${p.limit}::int)
    ), page as materialized (
      select v.* from versions v join asked on v.version < asked.before order by v.version desc limit ${p.limit}::int
    )
    select ${versionColumns('p', valueWithinBudget(sql`p.value`, sql`p.version desc`))}
    from page p cross join asked
    order by p.version desc`,
)

/** A time of which the item is wanted. */
export interface GetItemAt {
  readonly namespace: string
  readonly key: string
  /** RFC 3339. */
  readonly at: string
}

/**
 * The item as of a time. `missing`: there was none. `not_kept`: the history does not tell. `future`: the time has not come.
 */
export type ItemAtRow = ({ readonly outcome: 'found' } & VersionRow) | { readonly outcome: 'missing' | 'not_kept' | 'future' }

/**
 * Reads an item as of a time: the newest version that had started then, unless it had ended. If no version that is kept had started, there
 * was no item, provided that the history is complete since then.
 */
export const getItemAt = defineStatement<GetItemAt, ItemAtRow>(
  'read',
  (p) => sql`
    with asked as materialized (
      select ${p.namespace}::text as namespace, ${p.key}::text as key, ${p.at}::timestamptz as at
    ), ${historySetting}, ${currentVersion}, started as materialized (
      ${currentVersions}
      union all
      (
        ${keptVersions} and h.updated_at <= asked.at and ${followsEnd(sql`h.namespace`, sql`h.key`, sql`h.version`)}
        order by h.version desc limit 1
      )
    ), newest as materialized (
      select v.* from started v cross join asked
      where v.updated_at <= asked.at and ${followsEnd(sql`asked.namespace`, sql`asked.key`, sql`v.version`)}
      order by v.version desc limit 1
    )
    select
      case
        when asked.at > clock.now then 'future'
        when v.version is not null then case when v.ended_at <= asked.at then 'missing' else 'found' end
        when asked.at >= (select complete_since from setting)
          and not ${mayBeDropped(sql`asked.namespace`, sql`asked.key`, sql`(select count(current.ended_at) from current)`)} then 'missing'
        else 'not_kept'
      end as outcome,
      ${versionColumns('v', sql`v.value::text`)}
    from asked cross join clock left join newest v on true`,
)
