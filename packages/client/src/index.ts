/** The whole public API. Left out on purpose: ky's own options, because the retry rules depend on how ky is set up. */

export type { Call } from './call.js'
export { type Client, createClient, type PatchOptions } from './client.js'
export type { Conditions } from './conditions.js'
export type { Counters, IncrementOptions } from './counters.js'
export {
  ChecksFailedError,
  type ClientErrorCode,
  ConnectionError,
  type Fault,
  HoldfastError,
  InternalError,
  InvalidArgumentError,
  InvalidRequestError,
  ItemExistsError,
  ItemNotFoundError,
  NotANumberError,
  OutcomeUnknownError,
  OutOfBoundsError,
  PreconditionFailedError,
  RateLimitedError,
  StoredValueMismatchError,
  TimeoutError,
  TooLargeError,
  UnavailableError,
  UnexpectedAnswerError,
} from './errors.js'
export type {
  CreateOptions,
  DeleteOptions,
  Items,
  IterateOptions,
  ListOptions,
  PutOptions,
  TouchOptions,
  UpdateOptions,
} from './items.js'
export type { CallOptions, ClientOptions, RetryNotice, RetryOptions, WriteOptions } from './options.js'
export type { Step, StepResults, Transaction, Transactions } from './transaction.js'
export type {
  Addition,
  CallArguments,
  CallableId,
  CallResult,
  Entry,
  Expiry,
  Health,
  Item,
  ItemExpiry,
  ItemMetadata,
  Page,
} from './types.js'
