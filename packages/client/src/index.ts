/** The public API. It does not expose ky's options, because the retry rules depend on the configuration of ky. */

export type { ApiKeys, NamespaceSettings, Namespaces, NewApiKey, NewNamespace } from './administration.js'
export type { DeleteEntry, DeleteOutcome, PutEntry, PutOutcome } from './batch-write.js'
export type { Call } from './call.js'
export type { Change, ChangePage, DeleteEvent, ExpireEvent, PutEvent, ReadyEvent, ResetEvent, WatchEvent } from './changes/change-events.js'
export type { ChangeFilter } from './changes/change-filter.js'
export type { Changes } from './changes/changes.js'
export type { ChangesOptions } from './changes/list-changes.js'
export type { Mirror, MirrorOptions } from './changes/mirror.js'
export type { MirrorChange } from './changes/mirror-map.js'
export type { StreamOptions, WatchOptions } from './changes/watch.js'
export { type Client, createClient, type PatchOptions } from './client.js'
export type { Conditions } from './conditions.js'
export type { Addition, Counters, IncrementOptions } from './counters.js'
export {
  ChecksFailedError,
  type ClientErrorCode,
  ConnectionError,
  CursorGoneError,
  type Fault,
  ForbiddenError,
  HoldfastError,
  InternalError,
  InvalidArgumentError,
  InvalidRequestError,
  ItemExistsError,
  ItemNotFoundError,
  LockHeldError,
  LockLostError,
  NamespaceFullError,
  NotANumberError,
  OutcomeUnknownError,
  OutOfBoundsError,
  PreconditionFailedError,
  RateLimitedError,
  StoredValueMismatchError,
  TimeoutError,
  TooLargeError,
  TtlRequiredError,
  UnauthenticatedError,
  UnavailableError,
  UnexpectedResponseError,
  VersionNotKeptError,
} from './errors.js'
export type { Expiry, ItemExpiry } from './expiry.js'
export type { GetOptions, History, RestoreOptions, VersionSelector, VersionsOptions } from './history.js'
export type {
  CreateOptions,
  DeleteOptions,
  Items,
  IterateOptions,
  PutOptions,
  TouchOptions,
} from './items.js'
export type { JsonOnly } from './json-value.js'
export type { ListFilter, ListOptions } from './list.js'
export type { Lock, LockOptions, Locks } from './lock.js'
export type { CallOptions, ClientOptions, RetryNotice, RetryOptions, WriteOptions } from './options.js'
export type { CreatedVersion, Step, StepResults, Transaction, Transactions } from './transaction.js'
export type {
  ApiKey,
  CallArguments,
  CallableId,
  CallResult,
  Entry,
  Health,
  Item,
  ItemMetadata,
  ItemVersion,
  ItemVersionMetadata,
  NamespaceInfo,
  Page,
  VersionEntry,
} from './types.js'
export type { UpdateOptions } from './update.js'
