import { sql } from 'drizzle-orm'
import { changeSeq } from '../../postgres/schema.js'
import { quoteLiteral } from '../../postgres/sql-quotes.js'
import { defineBinaryStatement } from '../../postgres/wire/binary-statement.js'

/** The end of the log. */
export interface LogEnd {
  /** The last position that was taken, whether or not its transaction has ended. */
  readonly last: number
  /** The session that read it. A new session may belong to a server that was restarted or replaced. */
  readonly session: string
}

const sequence = sql.raw(`${quoteLiteral(changeSeq.seqName as string)}::regclass`)

/** Reads the end of the log. Fails on a standby, which has no current WAL position. */
export const readLogEnd = defineBinaryStatement<object, LogEnd>(
  'read',
  'read_log_end',
  {},
  () => sql`
    select coalesce(pg_sequence_last_value(${sequence}), 0)::int8,
      concat_ws(' ', pg_backend_pid(), pg_postmaster_start_time(), left(pg_walfile_name(pg_current_wal_lsn()), 8))`,
  (row) => ({ last: Number(row.requiredInt8()), session: row.text() }),
)

/**
 * Reads the ids of the transactions that may have written to the log and have not ended, prepared transactions included. It must be sent
 * after the end of the log was read. A transaction locks the log before it takes a position and keeps the lock until it ends. It also
 * holds a lock on its own id. A prepared transaction has no process id.
 */
export const readWriters = defineBinaryStatement<object, string>(
  'read',
  'read_log_writers',
  {},
  () => sql`
    with locks as materialized (select * from pg_locks where granted)
    select distinct x.transactionid::text
    from locks w
    join locks x on x.virtualtransaction = w.virtualtransaction and x.locktype = 'transactionid' and x.mode = 'ExclusiveLock'
    where w.locktype = 'relation' and w.relation = ${sql.raw(quoteLiteral('changes'))}::regclass
      and w.database = (select d.oid from pg_database d where d.datname = current_database())
      and w.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`,
  (row) => row.text(),
)

/**
 * Reads what identifies the log: the cluster, its timeline, the database, the table and the sequence. It is not stored in the database, so
 * a dump does not contain it.
 */
export const readIdentity = defineBinaryStatement<object, string>(
  'read',
  'read_log_identity',
  {},
  () => sql`
    select concat_ws(' ', (select c.system_identifier from pg_control_system() c), left(pg_walfile_name(pg_current_wal_lsn()), 8),
      (select d.oid from pg_database d where d.datname = current_database()), ${sql.raw(quoteLiteral('changes'))}::regclass::oid,
      ${sequence}::oid)`,
  (row) => row.text(),
)
