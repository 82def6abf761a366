import { sql } from 'drizzle-orm'
import { changeRing, changes } from '../../postgres/schema.js'
import { defineBinaryStatement } from '../../postgres/wire/binary-statement.js'
import type { RowReader } from '../../postgres/wire/row-reader.js'
import type { Change } from '../change.js'

/** The part of the log after `after` and up to `upTo`, both positions as decimal digits. */
export interface LogRange {
  readonly after: string
  readonly upTo: string
}

/** The same for the keys of a namespace from `from` (inclusive) to `until` (exclusive). */
export interface KeyedLogRange extends LogRange {
  readonly namespace: string
  readonly from: string
  readonly until: string
}

/** A change and the number of rows that were found, up to {@link changesPerPage}. Rows whose values are too long are not returned. */
export interface ChangeRow extends Change {
  readonly found: number
}

/** The most rows that a statement returns. */
export const changesPerPage = 1_000

/**
 * The most bytes of values that a statement returns, as they are stored. The first change is always returned. The sum is computed row by
 * row in the order of the index, so rows beyond the bound are not read.
 */
const bytesPerPage = 4_194_304

const kinds: Readonly<Record<string, Change['kind']>> = { p: 'put', d: 'delete', e: 'expire', t: 'truncate' }

const readChange = (row: RowReader): ChangeRow => {
  const seq = Number(row.requiredInt8())
  const kind = kinds[row.text()]
  if (kind === undefined) throw new TypeError('the change log has a change of an unknown kind')
  return {
    seq,
    kind,
    namespace: row.text(),
    key: row.text(),
    version: row.requiredInt8(),
    xid: row.text(),
    at: row.requiredInstant(),
    value: row.text(),
    createdVersion: row.int8(),
    createdAt: row.instant(),
    expiresAt: row.instant(),
    found: row.int4(),
  }
}

const columns = sql`
  c.seq, c.kind::text, c.namespace, c.key, c.version, c.xid::text, c.at, coalesce(c.value::text, ''), c.created_version, c.created_at,
  c.expires_at, c.found::int4`

const bounded = (found: ReturnType<typeof sql>) => sql`
  select ${columns}
  from (
    select f.*, sum(pg_column_size(f.value)) over (order by f.seq rows unbounded preceding) as bytes, row_number() over (order by f.seq) as number,
      count(*) over () as found
    from (${found} order by c.seq limit ${sql.raw(String(changesPerPage))}) f
  ) c
  where c.bytes is null or c.bytes <= ${sql.raw(String(bytesPerPage))} or c.number = 1
  order by c.seq`

/** Reads changes of all keys, in their order. */
export const readChanges = defineBinaryStatement<LogRange, ChangeRow>(
  'read',
  'read_changes',
  { after: 'text', upTo: 'text' },
  (p) => bounded(sql`select c.* from ${changes} c where c.seq > ${p.after}::text::bigint and c.seq <= ${p.upTo}::text::bigint`),
  readChange,
)

/** Reads changes of a range of keys, in their order. TRUNCATE is a change of all keys. */
export const readKeyedChanges = defineBinaryStatement<KeyedLogRange, ChangeRow>(
  'read',
  'read_keyed_changes',
  { after: 'text', upTo: 'text', namespace: 'text', from: 'text', until: 'text' },
  (p) =>
    bounded(sql`
      select c.* from ${changes} c
      where c.seq > ${p.after}::text::bigint and c.seq <= ${p.upTo}::text::bigint
        and ((c.namespace = ${p.namespace}::text and c.key >= ${p.from}::text and c.key < ${p.until}::text) or c.kind = 't')`),
  readChange,
)

/**
 * Returns the position of the last change up to a position, or the floor if that is later. Positions that no committed transaction took may
 * be used again after a crash, so cursors contain only positions of changes.
 */
export const readLastChange = defineBinaryStatement<{ readonly upTo: string }, number>(
  'read',
  'read_last_change',
  { upTo: 'text' },
  (p) => sql`
    select greatest((select c.seq from ${changes} c where c.seq <= ${p.upTo}::text::bigint order by c.seq desc limit 1), r.floor)
    from ${changeRing} r`,
  (row) => Number(row.requiredInt8()),
)

/**
 * Returns the highest position whose change may have been removed. TRUNCATE does not respect snapshots, so this must be read after the
 * changes: if it is not greater than the position that they were read from, none is missing.
 */
export const readFloor = defineBinaryStatement<object, number>(
  'read',
  'read_change_floor',
  {},
  () => sql`select r.floor from ${changeRing} r`,
  (row) => Number(row.requiredInt8()),
)
