import type { ErrorCode } from './errors.js'

/** Errors of every data route. */
export const dataErrors = [
  'malformed_request',
  'validation_failed',
  'unauthenticated',
  'forbidden',
  'rate_limited',
  'internal',
  'database_unavailable',
  'overloaded',
] as const satisfies ErrorCode[]
/** Errors of every write. */
export const writeErrors = [...dataErrors, 'outcome_unknown'] as const satisfies ErrorCode[]
/** Errors of every write with a body. */
export const bodyErrors = [...writeErrors, 'malformed_json', 'too_large', 'unsupported_media_type'] as const satisfies ErrorCode[]
/** Further errors of a write that may create an item. */
export const creatingErrors = ['namespace_full'] as const satisfies ErrorCode[]
/** Further errors of a write that accepts an Idempotency-Key. */
export const onceErrors = ['idempotency_key_reused', 'idempotency_in_progress'] as const satisfies ErrorCode[]
