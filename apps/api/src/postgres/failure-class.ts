/**
 * Tells the caller of a failed statement what happened and whether a retry is safe.
 *
 * - `not_applied`: the statement had no effect. A retry is safe.
 * - `conflict`: another transaction was in the way, and the statement was rolled back. A retry is likely to succeed.
 * - `resources_exhausted`: time, memory or disk space ran out, and the statement was rolled back. An immediate retry would add load.
 * - `outcome_unknown`: the statement may or may not have been applied.
 * - `statement_error`: PostgreSQL rejected the statement itself, because of a bug or a value that it does not accept. A retry fails again.
 */
export type FailureClass = 'not_applied' | 'conflict' | 'resources_exhausted' | 'outcome_unknown' | 'statement_error'

/** SQLSTATEs (PostgreSQL docs, appendix A), and error codes of the driver and of Node's sockets. */
const classByCode: Readonly<Record<string, FailureClass>> = {
  ECONNREFUSED: 'not_applied',
  ENOENT: 'not_applied', // the server's Unix socket does not exist
  ENOTFOUND: 'not_applied',
  EAI_AGAIN: 'not_applied',
  EHOSTUNREACH: 'not_applied',
  ENETUNREACH: 'not_applied',
  CONNECT_TIMEOUT: 'not_applied',
  NOT_CONNECTED: 'not_applied', // no session could be opened
  CONNECTIONS_BUSY: 'resources_exhausted', // no connection was free in time
  '08001': 'not_applied', // unable to establish a connection
  '08004': 'not_applied', // connection rejected
  '25006': 'not_applied', // read-only transaction: the server is a standby
  '28000': 'not_applied', // rejected by pg_hba.conf, or the role does not exist
  '28P01': 'not_applied', // wrong password
  '3D000': 'not_applied', // the database does not exist
  '53300': 'not_applied', // too many connections
  '57P03': 'not_applied', // starting up or shutting down
  '40001': 'conflict', // serialization failure
  '40P01': 'conflict', // deadlock
  '55P03': 'conflict', // lock timeout
  '57P04': 'not_applied', // the database was dropped
  '26000': 'not_applied', // the prepared statement does not exist
  '57014': 'resources_exhausted', // statement timeout
  '25P03': 'outcome_unknown', // idle-in-transaction timeout: the connection is closed
  '40003': 'outcome_unknown', // statement completion unknown
  '57P01': 'outcome_unknown', // shut down by an administrator
  '57P02': 'outcome_unknown', // another server process crashed
  '57P05': 'outcome_unknown', // idle session timeout: the connection is closed
  '25P04': 'outcome_unknown', // transaction timeout: the connection is closed
}

/** The classes of SQLSTATEs that are not listed one by one, by their first two characters. */
const classByPrefix: Readonly<Record<string, FailureClass>> = {
  '08': 'outcome_unknown', // connection
  '53': 'resources_exhausted', // disk full, out of memory
  '58': 'outcome_unknown', // system error
  F0: 'statement_error', // configuration file
  HV: 'statement_error', // foreign data wrapper
  P0: 'statement_error', // raised by a function, such as a trigger
  XX: 'outcome_unknown', // internal error
}

const codeOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  // If a host name has several addresses, Node reports all failures in one AggregateError, which has no code itself.
  const errors = error instanceof AggregateError ? error.errors : []
  return errors.map(codeOf).find((code) => code !== '') ?? ''
}

/**
 * Classifies the error of a statement. Any other SQLSTATE means that PostgreSQL rolled the statement back (`statement_error`). An error
 * without a SQLSTATE means that PostgreSQL did not respond (`outcome_unknown`).
 */
export const classifyFailure = (error: unknown): FailureClass => {
  const code = codeOf(error)
  const known = classByCode[code] ?? (code.length === 5 ? classByPrefix[code.slice(0, 2)] : undefined)
  return known ?? (/^[0-9][0-9A-Z]{4}$/.test(code) ? 'statement_error' : 'outcome_unknown')
}
