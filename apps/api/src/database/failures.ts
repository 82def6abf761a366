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
  '53100': 'given_up', // disk full
  '53200': 'given_up', // out of memory
  '57014': 'given_up', // statement_timeout
}

const faultClasses = new Set(['21', '22', '23', '42', '54'])

const codeOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  // Node gathers the refusals of a name's several addresses in one AggregateError without a code.
  const inner = error instanceof AggregateError ? error.errors : []
  return inner.map(codeOf).find((code) => code !== '') ?? ''
}

/** Classifies what a statement was rejected with. What is not known to be harmless is `lost`. */
export const classifyFailure = (error: unknown): FailureClass => {
  const code = codeOf(error)
  const known = classes[code]
  if (known !== undefined) return known
  return code.length === 5 && faultClasses.has(code.slice(0, 2)) ? 'fault' : 'lost'
}
