import { sql } from 'drizzle-orm'
import { createdVersionOf } from '../../items/sql/created-version.js'
import { items } from '../../postgres/schema.js'
import { defineBinaryStatement } from '../../postgres/wire/binary-statement.js'

/** The items of a namespace from `from` (inclusive) to `until` (exclusive). */
export interface SnapshotPage {
  readonly namespace: string
  readonly from: string
  readonly until: string
}

/** An item of a page. Its columns are empty and null if there is none. */
export interface SnapshotRow {
  /** The snapshot that the page was read with (`pg_current_snapshot`). */
  readonly snapshot: string
  /** Whether the page ends here because it is full, so that more items may follow. */
  readonly isFull: boolean
  readonly item?: {
    readonly key: string
    readonly value: string
    readonly version: string
    readonly created_version: string | null
    readonly created_at: string
    readonly updated_at: string
    readonly expires_at: string | null
  }
}

const rowsMax = sql.raw('500')
const bytesMax = sql.raw('4194304')

/**
 * Reads the first live items of a range, with the snapshot of the statement. Returns one row without an item if there is none. The database
 * checks visibility and expiry of each row with this snapshot and the time before it, as every read does.
 */
export const readSnapshotPage = defineBinaryStatement<SnapshotPage, SnapshotRow>(
  'read',
  'read_snapshot_page',
  { namespace: 'text', from: 'text', until: 'text' },
  (p) => sql`
    with page as materialized (
      select f.*, sum(pg_column_size(f.value)) over (order by f.key rows unbounded preceding) as bytes,
        row_number() over (order by f.key) as number, count(*) over () as found
      from (
        select i.* from ${items} i
        where i.namespace = ${p.namespace}::text and i.key >= ${p.from}::text and i.key < ${p.until}::text
          and (i.expires_at is null or i.expires_at > transaction_timestamp())
        order by i.key
        limit ${rowsMax}
      ) f
    ), taken as materialized (
      select * from page where bytes <= ${bytesMax} or number = 1
    )
    select pg_current_snapshot()::text, coalesce((select count(*) from taken) < t.found or t.found = ${rowsMax}, false), t.key is not null,
      coalesce(t.key, ''), coalesce(t.value::text, ''), t.version, ${createdVersionOf('t')}, t.created_at, t.updated_at, t.expires_at
    from (values (1)) one left join taken t on true
    order by t.key`,
  (row) => {
    const snapshot = row.text()
    const isFull = row.boolean()
    if (!row.boolean()) return { snapshot, isFull }
    return {
      snapshot,
      isFull,
      item: {
        key: row.text(),
        value: row.text(),
        version: row.requiredInt8(),
        created_version: row.int8(),
        created_at: row.requiredInstant(),
        updated_at: row.requiredInstant(),
        expires_at: row.instant(),
      },
    }
  },
)
