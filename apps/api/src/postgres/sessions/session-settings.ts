import { deadlines } from '../deadlines.js'
import { quoteLiteral } from '../sql-quotes.js'

/**
 * What statements rely on. Roles, databases and the server's configuration may say otherwise, so each session sets it for itself,
 * which nothing but the session can change afterwards.
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
  // Rows that a policy hides would be missing without a word; like this, the statement fails.
  row_security: 'off',
  exit_on_error: 'off',
  // A warning tells that a commit is not on the synchronous standby.
  client_min_messages: 'warning',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  statement_timeout: String(deadlines.statement),
  lock_timeout: String(deadlines.lock),
  idle_in_transaction_session_timeout: '5000',
  idle_session_timeout: '0',
  // From PostgreSQL 17 on.
  transaction_timeout: '0',
  // Every statement reaches items by an index. What the planner knows of a table that grows is old, and with it a batch
  // of a thousand keys looks like a reason to read the whole table.
  enable_seqscan: 'off',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_bitmapscan: 'on',
  enable_nestloop: 'on',
  plan_cache_mode: 'force_generic_plan',
  // Before PostgreSQL 18 a plan with a disabled scan counts as so costly that it would be compiled.
  jit: 'off',
} as const

export type SessionSettings = Readonly<Record<string, string>>

/** Weaker than what every acknowledged write is promised: on disk, and on the disk of a synchronous standby if there is one. */
const weakCommits = "('off', 'local', 'remote_write')"

const safeCommit =
  "set_config('synchronous_commit', case when current_setting('synchronous_commit') in " +
  `${weakCommits} then 'on' else current_setting('synchronous_commit') end, false)`

const toCall = ([name, value]: [string, string]): string =>
  // A server that does not know the parameter leaves it out.
  `case when current_setting(${quoteLiteral(name)}, true) is not null then set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false) end`

/**
 * The statement that sets up a session.
 * @param keepCommit whether `synchronous_commit` stays as the server has it, however weak
 */
export const setUpSession = (settings: SessionSettings, keepCommit: boolean): string =>
  `select ${[...Object.entries(settings).map(toCall), ...(keepCommit ? [] : [safeCommit])].join(', ')}`
