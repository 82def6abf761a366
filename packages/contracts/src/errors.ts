/** The definition of an error. Its status, documentation page and retry advice derive from it. */
export interface ErrorDefinition {
  /** The HTTP status. */
  readonly status: number
  /** A short summary, the same for every occurrence (RFC 9457 `title`). */
  readonly title: string
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean
  /**
   * Whether the error depends on the state of an item. A retry with the same `Idempotency-Key` could then succeed, so the service records
   * the error and returns it again.
   */
  readonly recorded: boolean
  /** The text of the page `/problems/{code}`: the cause, and what the caller can do. */
  readonly help: string
}

const defineErrors = <const T extends Record<string, ErrorDefinition>>(table: T): T => table

/** All errors of the API by their stable code, in the order of their status. */
export const errors = defineErrors({
  validation_failed: {
    status: 400,
    title: 'The request is not valid',
    retryable: false,
    recorded: false,
    help: 'The request does not match the schema of its route. The member `errors` lists each error with its path and the expected input. Fix them and send the request again.',
  },
  malformed_json: {
    status: 400,
    title: 'The body is not JSON',
    retryable: false,
    recorded: false,
    help: 'The request body must be one JSON text (RFC 8259) in UTF-8. Check for single quotes, trailing commas, a truncated body, or quotes that the shell removed.',
  },
  malformed_request: {
    status: 400,
    title: 'The request is not well-formed HTTP',
    retryable: false,
    recorded: false,
    help: 'The request line or a header violates HTTP. Examples are a method or header that cannot be parsed, a `Host` header that is missing, repeated or invalid, and a repeated `Authorization` header.',
  },
  key_mismatch: {
    status: 400,
    title: 'Path and body name different keys',
    retryable: false,
    recorded: false,
    help: 'On `/keys/{key}` the body repeats the key. It must be equal to the percent-decoded key of the path.',
  },
  unauthenticated: {
    status: 401,
    title: 'The request has no valid API key',
    retryable: false,
    recorded: false,
    help: 'This service requires `Authorization: Bearer <API key>`. The API key is missing, unknown, expired or revoked; the response does not say which. Ask the operator of the service for an API key.',
  },
  forbidden: {
    status: 403,
    title: 'The caller may not do this',
    retryable: false,
    recorded: false,
    help: 'The API key is valid, but it does not have the scope, the namespace or the prefix that this request needs. `detail` says which. A service without authentication also rejects requests that a browser sends for another site, and requests for a `Host` name that is not its own. Add the name to `ALLOWED_HOSTS`.',
  },
  item_not_found: {
    status: 404,
    title: 'The item does not exist',
    retryable: false,
    recorded: true,
    help: 'No live item has this key. It was never written, was deleted, or has expired. Keys are compared byte by byte, so case and spaces matter.',
  },
  version_not_kept: {
    status: 404,
    title: 'The version is not kept',
    retryable: false,
    recorded: true,
    help: 'The history of the namespace does not have this version, or does not reach back to this time. The namespace may have no history, or had none at that time, or `history_count` or `history_seconds` dropped the version, or the key never had it. `GET /items/{key}/versions` lists the versions that are kept. `GET /namespaces/{namespace}` has the settings.',
  },
  namespace_not_found: {
    status: 404,
    title: 'The namespace does not exist',
    retryable: false,
    recorded: false,
    help: 'No namespace has this name: it was not created, and no item is in it. `GET /namespaces` lists all namespaces.',
  },
  api_key_not_found: {
    status: 404,
    title: 'The API key does not exist',
    retryable: false,
    recorded: false,
    help: 'No API key has this id. It was revoked or never existed. The id is the part of an API key between its two underscores.',
  },
  route_not_found: {
    status: 404,
    title: 'The route does not exist',
    retryable: false,
    recorded: false,
    help: 'The path matches no route of this service. A key is one path segment. Encode `/` in a key as `%2F`. `/docs` lists all routes.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The route does not have this method',
    retryable: false,
    recorded: false,
    help: 'The path exists, but not with this method. The `Allow` header lists the methods that are allowed.',
  },
  request_timeout: {
    status: 408,
    title: 'The request took too long to arrive',
    retryable: true,
    recorded: false,
    help: 'The head of a request must arrive within 10 seconds and the whole request within 30. Nothing was changed. Send the request again.',
  },
  item_exists: {
    status: 409,
    title: 'The item already exists',
    retryable: false,
    recorded: true,
    help: 'POST creates an item and never replaces one, and a live item has this key. Its version is in the `ETag` header and in the member `version`. Use PUT to replace the item.',
  },
  not_a_number: {
    status: 409,
    title: 'The value is not a number',
    retryable: false,
    recorded: true,
    help: 'Only a JSON number can be incremented, and the value of this item is not a number. Nothing was changed. Read the item, or use another key for the counter.',
  },
  out_of_bounds: {
    status: 409,
    title: 'The result would be out of bounds',
    retryable: false,
    recorded: true,
    help: 'The sum is less than `min`, more than `max`, or outside of the range of integers, which is -9223372036854775808 to 9223372036854775807. Nothing was changed. If the counter exists, the member `value` has its number and `expires_at` its expiry, which is null if it never expires.',
  },
  ttl_required: {
    status: 409,
    title: 'The counter would never expire',
    retryable: false,
    recorded: true,
    help: 'The increment has `require_ttl`, and the counter would have no expiry after it. Nothing was changed. If the response has a `version`, the counter exists and is permanent. Give it an expiry with PATCH, or send `ttl` with `refresh_ttl`. Otherwise the counter does not exist or has expired. Send a `ttl` to create it.',
  },
  namespace_exists: {
    status: 409,
    title: 'The namespace already exists',
    retryable: false,
    recorded: false,
    help: 'A namespace with this name was created before. Use PATCH to change its settings.',
  },
  namespace_full: {
    status: 409,
    title: 'The namespace is full',
    retryable: false,
    recorded: false,
    help: 'The namespace has as many items as its setting `max_items` allows. Delete items, wait until some expire, or change the setting. Existing items can still be written.',
  },
  idempotency_in_progress: {
    status: 409,
    title: 'The first request with this key is in progress',
    retryable: true,
    recorded: false,
    help: 'A request with the same `Idempotency-Key` is in progress. Retry after `Retry-After` seconds. The response will be that of the first request.',
  },
  cursor_gone: {
    status: 410,
    title: 'The cursor is no longer valid',
    retryable: false,
    recorded: false,
    help: 'The log does not have all changes after the cursor any more, or the cursor comes from another database: a restored backup, a promoted standby or another service. List the items, and continue with a new cursor.',
  },
  precondition_failed: {
    status: 412,
    title: 'A condition of the request does not hold',
    retryable: false,
    recorded: true,
    help: '`If-Match` or `If-None-Match` does not match the current state of the item. Nothing was changed. If the item exists, the `ETag` header and the member `version` have its current version. Read the item, decide again, and retry with that version.',
  },
  checks_failed: {
    status: 412,
    title: 'A check of the transaction does not hold',
    retryable: false,
    recorded: true,
    help: 'The member `failed_checks` has the indexes of the failed checks, from 0. Nothing was changed. Read the items again, decide, and send a new transaction with their versions. If a check of `created_version` fails, the item was deleted or has expired, and may have been created again: a lock is lost.',
  },
  too_large: {
    status: 413,
    title: 'The value is too large',
    retryable: false,
    recorded: false,
    help: 'A value may have 1 MiB of JSON text, unless the operator changed `MAX_VALUE_BYTES`. Store large objects elsewhere and keep their address here.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The media type of the body is not supported',
    retryable: false,
    recorded: false,
    help: 'The body must be `Content-Type: application/json` in UTF-8 and not compressed. With curl, add `-H "Content-Type: application/json"`.',
  },
  expectation_failed: {
    status: 417,
    title: 'The expectation is not supported',
    retryable: false,
    recorded: false,
    help: 'The only supported value of the `Expect` header is `100-continue`. Omit the header.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'The idempotency key belongs to another request',
    retryable: false,
    recorded: false,
    help: 'A request with the same `Idempotency-Key` and another method, path, query, body, condition or `Prefer` was sent before. Use a new key for each request, also for one with a corrected `If-Match`. Reuse a key only to retry the same request.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    retryable: true,
    recorded: false,
    help: 'The client has used all of its requests for this window. Wait for `Retry-After` seconds. The `RateLimit` header of every response has the number of requests left. A client is an API key, or an IP address without one. The operator of the service sets the limits: `RATE_LIMIT_REQUESTS` for addresses, `RATE_LIMIT_KEY_REQUESTS` for API keys, 0 for no limit.',
  },
  headers_too_large: {
    status: 431,
    title: 'The head of the request is too large',
    retryable: false,
    recorded: false,
    help: 'The request line and headers together may have 16 KiB.',
  },
  internal: {
    status: 500,
    title: 'The service failed',
    retryable: false,
    recorded: false,
    help: 'This is an error of the service, not of the request. Report it with the request id (`instance`). The service logged the cause with this id.',
  },
  database_unavailable: {
    status: 503,
    title: 'The database is unavailable',
    retryable: true,
    recorded: false,
    help: 'PostgreSQL is down, starting, or rejects connections. The request was not applied. Retry after `Retry-After` seconds. `/health/ready` responds with 200 when the database is back.',
  },
  overloaded: {
    status: 503,
    title: 'The service is overloaded',
    retryable: true,
    recorded: false,
    help: 'There are too many requests. The service rejected this one before it started, or the database cancelled it. It was not applied. Retry after `Retry-After` seconds.',
  },
  too_many_streams: {
    status: 503,
    title: 'Too many streams are open',
    retryable: true,
    recorded: false,
    help: 'This process serves as many watch streams as it may (`WATCH_STREAMS_MAX`), or the API key has a tenth of them. Close streams that you do not need, watch several keys with one stream, or retry after `Retry-After` seconds.',
  },
  outcome_unknown: {
    status: 503,
    title: 'The outcome of the request is unknown',
    retryable: false,
    recorded: false,
    help: 'After the write was sent and before its commit was confirmed, the connection to the database failed or timed out. The write may have been applied. With an `Idempotency-Key`, retry the same request: it is applied once, and the response has the outcome. Otherwise, read the item to see its state. A condition (`If-Match`) makes any retry safe.',
  },
  http_version_not_supported: {
    status: 505,
    title: 'The HTTP version is not supported',
    retryable: false,
    recorded: false,
    help: 'The service supports HTTP/1.1 and HTTP/1.0. A client that uses HTTP/2 without negotiation must use HTTP/1.1, or a proxy that translates.',
  },
})

/** A stable code of the API, such as `item_not_found`. */
export type ErrorCode = keyof typeof errors

/** All codes, in the form that zod's `enum` needs. */
export const errorCodes = Object.keys(errors) as [ErrorCode, ...ErrorCode[]]
