/** The properties of a server and of the session on it. */
export interface ServerInfo {
  readonly pid: number
  /** When PostgreSQL started the session. Together with `pid` it identifies the session. */
  readonly backend_start: string
  readonly standby: boolean
  /** Major version. */
  readonly version: number
  readonly encoding: string
  readonly fsync: string
  readonly full_page_writes: string
  readonly synchronous_commit: string
  readonly session_replication_role: string
  /** Whether the whole server rejects writes, rather than a role or a database. */
  readonly read_only: boolean
  /** Identifies the cluster, including its standbys. Null if the role is not allowed to read it. */
  readonly system_identifier: string | null
  /** Grows with each promotion. Null on a standby, or if the role is not allowed to read it. */
  readonly timeline: number | null
}

const systemIdentifier = '(select system_identifier::text from pg_control_system())'
// The control file has the timeline of the last checkpoint, which is out of date right after a promotion.
const timeline = `case when not pg_is_in_recovery() then ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int end`

const queryWith = (identifierExpression: string, timelineExpression: string): string => `
  select pg_backend_pid() as pid, pg_is_in_recovery() as standby,
    (select backend_start::text from pg_stat_get_activity(pg_backend_pid())) as backend_start,
    current_setting('server_version_num')::int / 10000 as version, current_setting('server_encoding') as encoding,
    current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
    current_setting('synchronous_commit') as synchronous_commit,
    current_setting('session_replication_role') as session_replication_role,
    exists (select from pg_settings where name = 'default_transaction_read_only' and setting = 'on'
      and source in ('configuration file', 'command line', 'environment variable', 'global')) as read_only,
    ${identifierExpression} as system_identifier, ${timelineExpression} as timeline`

/** Queries for the `ServerInfo`, from the complete one to the one that the most restricted managed servers allow. */
export const serverInfoQueries: readonly string[] = [
  queryWith(systemIdentifier, timeline),
  queryWith(systemIdentifier, 'null::int'),
  queryWith('null::text', timeline),
  queryWith('null::text', 'null::int'),
]

const versionMin = 15

/** The service must not use this server. A connection to it is closed before its first statement. */
export class UnusableServer extends Error {
  override readonly name = 'UnusableServer'
  /** Whether earlier connections to the same server must be closed too. */
  readonly closesSessions: boolean
  constructor(message: string, closesSessions = false) {
    super(message)
    this.closesSessions = closesSessions
  }
}

const unsafeSettings = (info: ServerInfo): string[] => (['fsync', 'full_page_writes'] as const).filter((name) => info[name] === 'off')

/**
 * Checks that a server is a primary, that it keeps what it acknowledges, and that it has the features the statements need.
 * @param allowUnsafe whether settings that can lose acknowledged writes are accepted
 * @throws UnusableServer
 */
export const checkUsable = (info: ServerInfo, allowUnsafe: boolean): void => {
  if (info.version < versionMin) {
    throw new UnusableServer(`PostgreSQL ${info.version} is too old. Use PostgreSQL ${versionMin} or newer.`)
  }
  if (info.encoding !== 'UTF8') throw new UnusableServer(`the database uses encoding ${info.encoding}. Use a database with encoding UTF8.`)
  if (info.standby) throw new UnusableServer('the server is a standby, which accepts no writes. Connect to the primary.')
  if (info.read_only) {
    throw new UnusableServer('the server accepts no writes: default_transaction_read_only is on. Turn it off.', true)
  }
  if (info.session_replication_role !== 'origin') {
    throw new UnusableServer(
      `the role's session_replication_role is ${info.session_replication_role}, which disables triggers. Reset it with ALTER ROLE.`,
    )
  }
  const unsafe = unsafeSettings(info)
  if (unsafe.length > 0 && !allowUnsafe) {
    throw new UnusableServer(
      `the server can lose acknowledged writes: ${unsafe.join(' and ')} ${unsafe.length > 1 ? 'are' : 'is'} off. Turn ${unsafe.length > 1 ? 'them' : 'it'} on, or set ALLOW_UNSAFE_DATABASE=on.`,
      true,
    )
  }
}
