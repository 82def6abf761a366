/** What a server says of itself on a new connection. */
export interface ServerProof {
  readonly pid: number
  /** When PostgreSQL started the session; with `pid` it names the session for good. */
  readonly backend_start: string
  readonly standby: boolean
  readonly version: number
  readonly encoding: string
  readonly fsync: string
  readonly full_page_writes: string
  readonly synchronous_commit: string
  readonly session_replication_role: string
  /** Whether the server as a whole, not a role or a database, is set to take no writes. */
  readonly read_only: boolean
  /** The cluster, which all its standbys share; null if the role may not ask. */
  readonly system_identifier: string | null
  /** It grows with each promotion; null if the server does not tell. */
  readonly timeline: number | null
}

const identifier = '(select system_identifier::text from pg_control_system())'
// The control file has the timeline of the last checkpoint, which a promoted standby may not have made yet.
const timeline = `case when not pg_is_in_recovery() then ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int end`

const proofOf = (systemIdentifier: string, currentTimeline: string): string => `
  select pg_backend_pid() as pid, pg_is_in_recovery() as standby,
    (select backend_start::text from pg_stat_get_activity(pg_backend_pid())) as backend_start,
    current_setting('server_version_num')::int / 10000 as version, current_setting('server_encoding') as encoding,
    current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
    current_setting('synchronous_commit') as synchronous_commit,
    current_setting('session_replication_role') as session_replication_role,
    exists (select from pg_settings where name = 'default_transaction_read_only' and setting = 'on'
      and source in ('configuration file', 'command line', 'environment variable', 'global')) as read_only,
    ${systemIdentifier} as system_identifier, ${currentTimeline} as timeline`

/** Statements that ask a server for its proof, from the whole one to what the most restricted managed servers allow. */
export const proofStatements: readonly string[] = [
  proofOf(identifier, timeline),
  proofOf(identifier, 'null::int'),
  proofOf('null::text', timeline),
  proofOf('null::text', 'null::int'),
]

const versionMin = 15

/** A server that must not serve: a connection to it is closed before any statement. */
export class UnfitServer extends Error {
  override readonly name = 'UnfitServer'
  /** Whether connections to the same server that were opened before are unfit, too. */
  readonly unsafe: boolean
  constructor(message: string, unsafe = false) {
    super(message)
    this.unsafe = unsafe
  }
}

const unsafeSettings = (proof: ServerProof): string[] => (['fsync', 'full_page_writes'] as const).filter((name) => proof[name] === 'off')

/**
 * Checks that a server is a primary that keeps what it acknowledges and has what the statements need.
 * @throws UnfitServer
 */
export const checkFitness = (proof: ServerProof, allowUnsafe: boolean): void => {
  if (proof.version < versionMin) throw new UnfitServer(`PostgreSQL ${proof.version} is too old; expected ${versionMin} or newer`)
  if (proof.encoding !== 'UTF8') throw new UnfitServer(`the database's encoding is ${proof.encoding}; expected UTF8`)
  if (proof.standby) throw new UnfitServer('the server is a standby and takes no writes; expected a primary')
  if (proof.read_only) {
    throw new UnfitServer('the server has default_transaction_read_only on and takes no writes; turn it off to let the service write', true)
  }
  if (proof.session_replication_role !== 'origin') {
    throw new UnfitServer(
      `the role's session_replication_role is ${proof.session_replication_role}, which turns triggers off; reset it with ALTER ROLE`,
    )
  }
  const unsafe = unsafeSettings(proof)
  if (unsafe.length > 0 && !allowUnsafe) {
    throw new UnfitServer(
      `the server has ${unsafe.join(', ')} off and could lose acknowledged writes; turn it on, or set ALLOW_UNSAFE_DATABASE=on`,
      true,
    )
  }
}
