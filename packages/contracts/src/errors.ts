/** What is known about one kind of refusal. Status, documentation page and retry advice all follow from its row. */
export interface ErrorDefinition {
  /** HTTP status it is answered with. */
  readonly status: number
  /** One line, the same for every occurrence (RFC 9457 `title`). */
  readonly title: string
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean
  /** What happened and what the caller can do: the text of the page `/problems/{code}`. */
  readonly help: string
}

const defineErrors = <const T extends Record<string, ErrorDefinition>>(table: T): T => table

/** Every refusal of the API by its stable code. */
export const errors = defineErrors({
  validation_failed: {
    status: 400,
    title: 'The request is not valid',
    retryable: false,
    help: 'A part of the request breaks a rule of its route. The member `errors` lists each fault with its path and what is expected there. Mend these and send the request again.',
  },
  malformed_json: {
    status: 400,
    title: 'The body is not JSON',
    retryable: false,
    help: 'The request body must be one JSON text (RFC 8259) in UTF-8. Look for single quotes, trailing commas, a body that was cut, or a shell that took the quotes away.',
  },
  malformed_request: {
    status: 400,
    title: 'The request is not well-formed HTTP',
    retryable: false,
    help: 'The request line or a header breaks the rules of HTTP: a method or header that cannot be parsed, a Host header that is missing, repeated or not a host, or an Authorization header that is repeated.',
  },
  key_mismatch: {
    status: 400,
    title: 'Path and body name different keys',
    retryable: false,
    help: 'On `/keys/{key}` the body repeats the key, and it must be the one of the path, byte for byte after percent-decoding.',
  },
  unauthenticated: {
    status: 401,
    title: 'The request has no valid API key',
    retryable: false,
    help: 'This service wants `Authorization: Bearer <API key>`. The key is missing, is not one of this service, has expired or was revoked; which of these is not told. Ask whoever runs the service for a key.',
  },
  forbidden: {
    status: 403,
    title: 'The caller may not do this',
    retryable: false,
    help: 'The API key is valid and lacks the scope, the namespace or the prefix that this request needs; `detail` says which. A service without authentication also rejects requests that a browser sends for another site, and requests for a `Host` name that is not its own: add the name to `ALLOWED_HOSTS`.',
  },
  item_not_found: {
    status: 404,
    title: 'There is no such item',
    retryable: false,
    help: 'No live item has this key: it was never written, was deleted, or has expired. Keys are compared byte by byte, so case and every space count.',
  },
  namespace_not_found: {
    status: 404,
    title: 'There is no such namespace',
    retryable: false,
    help: 'No namespace has this name: none was made with it, and none has items under it. All are listed at `/namespaces`.',
  },
  api_key_not_found: {
    status: 404,
    title: 'There is no such API key',
    retryable: false,
    help: 'No key has this id: it was revoked already, or never made. The id is the second part of a key, between its underscores.',
  },
  route_not_found: {
    status: 404,
    title: 'There is no such route',
    retryable: false,
    help: 'The path matches no route of this service. A key is one path segment: encode `/` in it as `%2F`. All routes are listed at `/docs`.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The route does not have this method',
    retryable: false,
    help: 'The path exists but not with this method. The `Allow` header lists the methods that it has.',
  },
  request_timeout: {
    status: 408,
    title: 'The request took too long to arrive',
    retryable: true,
    help: 'The head of a request must arrive within 10 seconds and the whole of it within 30. Nothing was done; send it again.',
  },
  item_exists: {
    status: 409,
    title: 'The item exists already',
    retryable: false,
    help: 'POST creates and never replaces, and a live item has this key; its version is in the `ETag` header and the member `version`. Use PUT to replace it.',
  },
  not_a_number: {
    status: 409,
    title: 'The value is not a number',
    retryable: false,
    help: 'Only a value that is a JSON number can be added to, and this item has another. Nothing was changed. Read the item, or choose another key for the counter.',
  },
  out_of_bounds: {
    status: 409,
    title: 'The result would be out of bounds',
    retryable: false,
    help: 'The sum is less than `min`, more than `max`, or beyond what the number can hold: integers are kept from -9223372036854775808 to 9223372036854775807. Nothing was changed. If the counter exists, the member `value` has its number and `expires_at` the time at which it expires, null if never.',
  },
  ttl_required: {
    status: 409,
    title: 'The counter would never expire',
    retryable: false,
    help: 'The increment has `require_ttl`, and the counter would have no expiry after it. Nothing was changed. If the response has a `version`, the counter exists and is permanent: give it an expiry with PATCH, or send `ttl` with `refresh_ttl`. Otherwise the counter does not exist, or has expired: send a `ttl` to create it.',
  },
  namespace_exists: {
    status: 409,
    title: 'The namespace exists already',
    retryable: false,
    help: 'A namespace was made with this name. PATCH changes its settings.',
  },
  namespace_full: {
    status: 409,
    title: 'The namespace has all the items that it may have',
    retryable: false,
    help: 'Its setting `max_items` lets it have no more. Delete items, let some expire, or change the setting; items that exist can still be written.',
  },
  idempotency_in_progress: {
    status: 409,
    title: 'The first request with this key has not ended',
    retryable: true,
    help: 'A request with the same `Idempotency-Key` is being worked on. Repeat it after `Retry-After` seconds: the answer will be that of the first.',
  },
  expectation_failed: {
    status: 417,
    title: 'The expectation is not supported',
    retryable: false,
    help: 'The only supported value of the `Expect` header is `100-continue`. Leave the header out.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'The key belongs to another request',
    retryable: false,
    help: 'A request with the same `Idempotency-Key` and another method, path, query, body, condition or `Prefer` was made before. The key names one request: make a new key for each request, also for one whose `If-Match` you have corrected, and send a key again only with the same request.',
  },
  precondition_failed: {
    status: 412,
    title: 'A condition of the request does not hold',
    retryable: false,
    help: '`If-Match` or `If-None-Match` does not fit the item as it is now, so nothing was changed. The `ETag` header and the member `version` have the current version if the item exists: read the item, decide again, and repeat with that version.',
  },
  checks_failed: {
    status: 412,
    title: 'A check of the transaction does not hold',
    retryable: false,
    help: 'The member `failed_checks` has the places of the checks that do not hold, from 0. Nothing was changed. Read the items again, decide, and send a new transaction with their versions. If a check of `created_version` fails, the item was deleted or has expired, and may have been created again: a lock is lost.',
  },
  too_large: {
    status: 413,
    title: 'The value is too large',
    retryable: false,
    help: 'A value may have 1 MiB of JSON text unless the service was set up otherwise (`MAX_VALUE_BYTES`). Store large objects elsewhere and keep their address here.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The body is of a kind that is not accepted',
    retryable: false,
    help: 'Bodies must be `Content-Type: application/json` in UTF-8 and not compressed. With curl: `-H "Content-Type: application/json"`.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    retryable: true,
    help: 'The client has used its requests for the window. Wait for `Retry-After` seconds; the `RateLimit` header of every response says how many requests are left. A client is an API key, or an IP address without one. The operator of the service sets the limits: `RATE_LIMIT_REQUESTS` for addresses, `RATE_LIMIT_KEY_REQUESTS` for API keys, 0 for no limit.',
  },
  headers_too_large: {
    status: 431,
    title: 'The head of the request is too large',
    retryable: false,
    help: 'The request line and headers together may have 16 KiB.',
  },
  internal: {
    status: 500,
    title: 'The service failed',
    retryable: false,
    help: 'This is a fault of the service, not of the request. Report it with the request id (`instance`): the service logged the cause under it.',
  },
  http_version_not_supported: {
    status: 505,
    title: 'The HTTP version is not supported',
    retryable: false,
    help: 'The service supports HTTP/1.1 and HTTP/1.0. A client that starts with HTTP/2 without negotiation must use HTTP/1.1, or a proxy that translates.',
  },
  database_unavailable: {
    status: 503,
    title: 'The database cannot be reached',
    retryable: true,
    help: 'The request was surely not applied: PostgreSQL is down, starting, or refuses connections. Wait for `Retry-After` seconds and repeat it. `/health/ready` turns 200 when the database is back.',
  },
  overloaded: {
    status: 503,
    title: 'The service has too much to do',
    retryable: true,
    help: 'The request was refused before it was started, or the database gave it up, because too much is waiting. It was not applied. Wait for `Retry-After` seconds and repeat it.',
  },
  outcome_unknown: {
    status: 503,
    title: 'It is not known whether the request was applied',
    retryable: false,
    help: 'The connection to the database was lost, or its time ran out, after the write was sent and before its commit was confirmed. With an `Idempotency-Key` repeat the request as it was: it is applied once, and the answer tells. Without one read the item to see what holds; a condition (`If-Match`) makes any repeat safe.',
  },
})

/** A stable code of the API, such as `item_not_found`. */
export type ErrorCode = keyof typeof errors

/** All codes, as zod's `enum` wants them. */
export const errorCodes = Object.keys(errors) as [ErrorCode, ...ErrorCode[]]
