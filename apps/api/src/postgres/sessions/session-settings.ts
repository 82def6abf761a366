import { deadlines } from '../deadlines.js'
import { quoteLiteral } from '../sql-quotes.js'

/**
 * The settings that statements rely on. Roles, databases and the server's configuration may set other values, so each session sets its
 * own, which nothing outside the session can change.
 */
export const statementSettings = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  backslash_quote: 'safe_encoding',
  array_nulls: 'on',
  transform_null_equals: 'off',
  // With `on`, a policy would silently hide rows. With `off`, the statement fails.
  row_security: 'off',
  exit_on_error: 'off',
  // PostgreSQL reports with a warning that a commit did not reach the synchronous standby.
  client_min_messages: 'warning',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  statement_timeout: String(deadlines.statement),
  lock_timeout: String(deadlines.lock),
  idle_in_transaction_session_timeout: '5000',
  idle_session_timeout: '0',
  // PostgreSQL 17 and newer.
  transaction_timeout: '0',
  // Every statement reaches items through an index. While a table grows, the planner's statistics are out of date, and it would scan the
  // whole table for a batch of a thousand keys.
  enable_seqscan: 'off',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_bitmapscan: 'on',
  enable_nestloop: 'on',
  plan_cache_mode: 'force_generic_plan',
  // Before PostgreSQL 18, a disabled scan makes a plan so expensive that PostgreSQL would compile it.
  jit: 'off',
} as const

export type SessionSettings = Readonly<Record<string, string>>

/** Values of `synchronous_commit` that break the promise of acknowledged writes: on disk, also on a synchronous standby if there is one. */
const weakCommits = "('off', 'local', 'remote_write')"

const raiseWeakCommit =
  "set_config('synchronous_commit', case when current_setting('synchronous_commit') in " +
  `${weakCommits} then 'on' else current_setting('synchronous_commit') end, false)`

const toCall = ([name, value]: [string, string]): string =>
  // Skips parameters that the server does not know.
  `case when current_setting(${quoteLiteral(name)}, true) is not null then set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false) end`

/**
 * Returns the statement that sets up a session.
 * @param keepCommit whether `synchronous_commit` keeps the server's value, however weak
 */
export const setUpSession = (settings: SessionSettings, keepCommit: boolean): string =>
  `select ${[...Object.entries(settings).map(toCall), ...(keepCommit ? [] : [raiseWeakCommit])].join(', ')}`
