/**
 * What a failed statement means for its caller.
 *
 * - `not_applied`: it surely did not run; it may be run again.
 * - `conflict`: it was rolled back because of others; running it again is the remedy.
 * - `given_up`: it was rolled back because something ran out; running it again at once would make that worse.
 * - `lost`: nobody knows whether it ran.
 * - `fault`: PostgreSQL refused it for what it is: a bug of ours or a value that it does not take.
 */
export type FailureClass = 'not_applied' | 'conflict' | 'given_up' | 'lost' | 'fault'

/** SQLSTATEs (PostgreSQL docs, appendix A) and codes of the driver and of Node's sockets. */
const classes: Readonly<Record<string, FailureClass>> = {
  ECONNREFUSED: 'not_applied',
  ENOENT: 'not_applied', // the server's Unix socket is gone
  ENOTFOUND: 'not_applied',
  EAI_AGAIN: 'not_applied',
  EHOSTUNREACH: 'not_applied',
  ENETUNREACH: 'not_applied',
  CONNECT_TIMEOUT: 'not_applied',
  NOT_CONNECTED: 'not_applied', // no session could be opened for it
  '08001': 'not_applied', // unable to establish the connection
  '08004': 'not_applied', // connection rejected
  '25006': 'not_applied', // read-only transaction: a standby
  '28000': 'not_applied', // role or pg_hba refuses
  '28P01': 'not_applied', // wrong password
  '3D000': 'not_applied', // no such database
  '53300': 'not_applied', // too many connections
  '57P03': 'not_applied', // starting up or shutting down
  '40001': 'conflict', // serialization failure
  '40P01': 'conflict', // deadlock
  '55P03': 'conflict', // lock_timeout
  '57P04': 'not_applied', // database dropped
  '57014': 'given_up', // statement_timeout
  '25P03': 'lost', // idle in a transaction for too long: the connection is closed
  '40003': 'lost', // completion unknown
  '57P01': 'lost', // shut down by an administrator
  '57P02': 'lost', // crash of another process
}

/** The same for whole classes of SQLSTATEs, by their first two characters, where no single code decides. */
const wholeClasses: Readonly<Record<string, FailureClass>> = {
  '08': 'lost', // connection
  '53': 'given_up', // disk full, out of memory
  '58': 'lost', // system error
  F0: 'fault', // configuration file
  HV: 'fault', // foreign data wrapper
  P0: 'fault', // raised by a function, such as a trigger on the table
  XX: 'lost', // internal error
}

const codeOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  // Node gathers the refusals of a name's several addresses in one AggregateError without a code.
  const inner = error instanceof AggregateError ? error.errors : []
  return inner.map(codeOf).find((code) => code !== '') ?? ''
}

/** Classifies what a statement was rejected with. Any other word of the server means that it rolled back; silence is `lost`. */
export const classifyFailure = (error: unknown): FailureClass => {
  const code = codeOf(error)
  const known = classes[code] ?? (code.length === 5 ? wholeClasses[code.slice(0, 2)] : undefined)
  return known ?? (/^[0-9][0-9A-Z]{4}$/.test(code) ? 'fault' : 'lost')
}
