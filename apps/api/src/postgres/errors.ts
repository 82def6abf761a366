import type { QueueRejection } from '../lib/batcher-observer.js'
import type { FailureClass } from './failure-class.js'

/** The database could not be reached in time. The statement had no effect. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable'
}

/** A limit was reached, such as the length of a queue or a timeout. The statement had no effect. */
export class DatabaseOverloaded extends Error {
  override readonly name: string = 'DatabaseOverloaded'
}

/** A queue was full, so the statement was rejected at once. */
export class QueueFull extends DatabaseOverloaded {
  constructor(reason = 'too many requests are waiting') {
    super(reason)
  }
}

/** Another transaction conflicted: a lock timeout, a deadlock or a serialization failure. The statement had no effect. */
export class DatabaseConflict extends DatabaseOverloaded {}

/** Another write happened between the statements of an operation, so the operation must run again. It had no effect. */
export class Raced extends DatabaseOverloaded {
  constructor(options?: ErrorOptions) {
    super('other requests kept writing the same key', options)
  }
}

/** A write was sent, but the database did not confirm its commit. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown'
}

/** No session could be opened, so no statement was sent. */
export class NotConnected extends Error {
  override readonly name = 'NotConnected'
  readonly code = 'NOT_CONNECTED'
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** All connections were busy until the timeout, so no statement was sent. */
export class ConnectionsBusy extends Error {
  override readonly name = 'ConnectionsBusy'
  readonly code = 'CONNECTIONS_BUSY'
  constructor() {
    super('all connections run other statements')
  }
}

/** Creates the error for an operation that a queue rejected before it ran. */
export const queueError = (reason: QueueRejection): DatabaseOverloaded =>
  reason === 'queue_full' ? new QueueFull() : new DatabaseOverloaded('the operation waited too long in a queue')

/** Creates the error for a statement that failed. PostgreSQL's own error (`cause`) is returned if the statement itself was rejected. */
export const failureError = (failure: FailureClass, cause: unknown): unknown => {
  switch (failure) {
    case 'not_applied':
      return new DatabaseUnavailable('the database cannot be reached', { cause })
    case 'conflict':
      return new DatabaseConflict('other transactions kept the rows locked', { cause })
    case 'resources_exhausted':
      return new DatabaseOverloaded(cause instanceof ConnectionsBusy ? cause.message : 'the database canceled the statement', { cause })
    case 'outcome_unknown':
      return new OutcomeUnknown('the database did not confirm a write', { cause })
    case 'statement_error':
      return cause
  }
}
