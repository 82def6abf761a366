import type { AttemptResponse } from './attempt.js'
import type { CallableId, SuccessStatus } from './types.js'

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isCount: Check = Number.isSafeInteger
const isVersion: Check = (value) => typeof value === 'string' && /^[1-9][0-9]*$/.test(value)
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const arrayOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const objectWith =
  (members: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(members).every(([name, check]) => check((value as Record<string, unknown>)[name]))

const isAbsent: Check = (value) => value === undefined
const isPresent: Check = (value) => value !== undefined
const written = objectWith({ key: isText, version: isVersion, created_at: isText, updated_at: isText, expires_at: orNull(isText) })
const item: Check = (value) => written(value) && Object.hasOwn(value as object, 'value')
const outcomes = objectWith({ results: arrayOf(objectWith({ key: isText, status: isCount })) })
const deleted = objectWith({ deleted: isCount })
const namespace = objectWith({ name: isText, items: isCount })
const apiKey = objectWith({ id: isText, scopes: Array.isArray })
const page = objectWith({
  items: arrayOf(written),
  total: orNull(isCount),
  page: orNull(isCount),
  page_size: isCount,
  total_pages: orNull(isCount),
  next_cursor: orNull(isText),
})

/** The responses that routes declare for their success, by status. A new route is a compile error until it is here. */
const successes: { readonly [Id in CallableId]: { readonly [Status in SuccessStatus<Id>]: Check } } = {
  createItem: { 201: written },
  listItems: { 200: page },
  deleteItems: { 200: deleted },
  getItem: { 200: item, 304: isAbsent },
  headItem: { 200: isAbsent, 304: isAbsent },
  putItem: { 200: written, 201: written },
  getItems: { 200: objectWith({ items: arrayOf(orNull(item)) }) },
  putItems: { 200: outcomes },
  deleteManyItems: { 200: outcomes },
  transact: { 200: objectWith({ results: Array.isArray }) },
  patchItem: { 200: written },
  incrementItem: { 200: written },
  deleteItem: { 200: item, 204: isAbsent },
  listChanges: { 200: objectWith({ changes: Array.isArray, cursor: isText }) },
  listItemVersions: { 200: objectWith({ versions: arrayOf(written), next_cursor: orNull(isText) }) },
  restoreItem: { 200: written, 201: written },
  listNamespaces: { 200: objectWith({ namespaces: arrayOf(namespace), next_cursor: orNull(isText) }) },
  createNamespace: { 201: namespace },
  getNamespace: { 200: namespace },
  patchNamespace: { 200: namespace },
  deleteNamespace: { 200: deleted },
  listApiKeys: { 200: objectWith({ api_keys: arrayOf(apiKey) }) },
  createApiKey: { 201: objectWith({ id: isText, api_key: isText }) },
  deleteApiKey: { 204: isAbsent },
  health: { 200: objectWith({ status: isText, version: isText }) },
  live: { 200: objectWith({ status: isText }) },
  ready: { 200: objectWith({ status: isText }) },
  openapi: { 200: objectWith({}) },
  getKey: { 200: item, 304: isAbsent },
  putKey: { 200: written, 201: written },
  postKey: { 200: written, 201: written },
  deleteKey: { 200: item, 204: isAbsent },
  getRootKey: { 200: objectWith({ key: isText, value: isPresent }) },
  postRootKey: { 200: objectWith({ key: isText, action: isText }) },
}

/** Routes with several results: the request's member and the response's member, which must have the same length. */
const multipleResults: { readonly [Id in CallableId]?: readonly [requested: string, results: string] } = {
  getItems: ['keys', 'items'],
  putItems: ['items', 'results'],
  deleteManyItems: ['keys', 'results'],
  transact: ['operations', 'results'],
}

const lengthOf = (body: unknown, name: string): number | undefined => {
  const list = (body as Record<string, unknown> | undefined)?.[name]
  return Array.isArray(list) ? list.length : undefined
}

/** The parts of a request with which its response must agree. */
export interface Requested {
  readonly params?: Readonly<Record<string, unknown>> | undefined
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined
  readonly body?: unknown
}

/**
 * Whether a response is a success that the route declares: its status, the members that the client relies on, and the requested key.
 * Any other response came from another program, such as a proxy, and says nothing about the request.
 */
export const isSuccess = (
  id: CallableId,
  { params, headers, body: sent }: Requested,
  { status, headers: received, body }: AttemptResponse,
) => {
  // A service that does not know the preference deletes the item and does not return it.
  if (id === 'deleteItem' && headers?.prefer !== undefined && status === 204) return false
  const check = (successes[id] as Readonly<Record<number, Check>>)[status]
  if (check === undefined || !check(body)) return false
  // Only this header distinguishes an empty response of the service from that of another program.
  if (check === isAbsent && !received.has('x-request-id')) return false
  const { key: requestedKey = (sent as { key?: unknown } | undefined)?.key } = params ?? {}
  if (check === written || check === item) {
    const { key, value } = body as { key?: unknown; value?: unknown }
    if (requestedKey !== undefined && key !== requestedKey) return false
    if (!isPresent(value) && headers?.prefer === undefined) return false
  }
  const [requested, results] = multipleResults[id] ?? []
  return requested === undefined || results === undefined || lengthOf(sent, requested) === lengthOf(body, results)
}
