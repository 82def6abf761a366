import { randomUUID } from 'node:crypto'
import type { RouteContract } from '@holdfast/contracts'
import fc from 'fast-check'
import { valuesOf } from './arbitrary.ts'

type Members = Record<string, unknown>

/** A request by the parts of its contract. */
export interface ContractRequest {
  readonly params: Members
  readonly query: Members
  readonly headers: Members
  readonly body: unknown
}

/** All keys of this run begin with it, so that a deployment's own data is neither read nor changed. */
export const ownPrefix = `conformance/${randomUUID()}/`

/** Keys that most requests are about, so that they meet each other's items. */
export const commonKeys = ['a', 'b', 'c'].map((name) => ownPrefix + name)

/** The namespace that most requests about namespaces are about. */
export const ownNamespace = `conformance-${randomUUID()}`

/** A namespace of ours in place of any. */
const ownNamespaceName = (text: unknown): unknown => {
  if (typeof text !== 'string') return text
  return text.length % 4 === 0 ? `${ownNamespace}-${text.length}` : ownNamespace
}

/** The name of all API keys of this run. */
export const ownApiKeyName = `${ownPrefix}key`

/** A key of ours in place of any. */
const ownKey = (text: unknown): unknown => {
  if (typeof text !== 'string') return text
  const start = Array.from(text).slice(0, 3).join('')
  return start.length < 3 ? `${ownPrefix}${start}` : (commonKeys[start.charCodeAt(0) % commonKeys.length] ?? ownPrefix)
}

/** Keys name one request each, so no two requests may have the same. */
const ownIdempotencyKey = (given: unknown): string => (String(given).startsWith('"') ? `"${randomUUID()}"` : randomUUID())

/** Header values that can be sent. */
const sendable = (headers: unknown): Members =>
  Object.fromEntries(
    Object.entries({ ...(headers as Members | undefined) }).map(([name, text]) => [
      name,
      String(text).replaceAll(/[^\t -~\x80-\xff]/g, '?'),
    ]),
  )

const confineMembers = (members: unknown): Members => {
  const own = { ...(members as Members | undefined) }
  for (const name of ['key', 'prefix', 'start_after']) if (name in own) own[name] = ownKey(own[name])
  if (Array.isArray(own.keys))
    own.keys = own.keys.map((each) => (typeof each === 'object' && each !== null ? confineMembers(each) : ownKey(each)))
  for (const name of ['checks', 'operations', 'items']) if (Array.isArray(own[name])) own[name] = own[name].map(confineMembers)
  return own
}

/** What a request about namespaces or API keys is about, in place of any. */
const confineAdministration = (members: Members): Members => {
  const own = { ...members }
  if ('namespace' in own) own.namespace = ownNamespaceName(own.namespace)
  if (typeof own.id === 'string') own.id = `${ownNamespace}-${own.id}`.slice(0, 64).toWellFormed()
  if ('scopes' in own) own.name = ownApiKeyName
  else if ('name' in own) own.name = ownNamespaceName(own.name)
  return own
}

/** Keeps a request to keys, namespaces and API keys of this run, whatever was generated: no other may be sent. */
const confine = (route: RouteContract, request: Record<keyof ContractRequest, unknown>): ContractRequest => {
  const params = confineAdministration(confineMembers(request.params))
  const query = confineMembers(request.query)
  if (route.request.query !== undefined && 'prefix' in route.request.query.shape) query.prefix ??= ownPrefix
  const isObject = typeof request.body === 'object' && request.body !== null && !Array.isArray(request.body)
  const body = isObject ? confineAdministration(confineMembers(request.body)) : request.body
  // On some routes the body repeats the key of the path.
  const repeats = isObject && 'key' in params && route.request.body !== undefined && 'key' in (body as Members)
  const headers = sendable(request.headers)
  if (headers['idempotency-key'] !== undefined) headers['idempotency-key'] = ownIdempotencyKey(headers['idempotency-key'])
  return { params, query, headers, body: repeats ? { ...(body as Members), key: params.key } : body }
}

/** Leaves the value in the query out where there is a body: nearly all requests with both are refused for that alone. */
const withOneValue = <R extends { query: unknown; body: unknown; both: boolean }>({ both, ...request }: R) => {
  if (request.body === undefined || both || request.query === undefined) return request
  const { value: _inQuery, ...query } = request.query as Members
  return { ...request, query }
}

/** Requests that a route's contract takes. */
export const validRequests = (route: RouteContract): fc.Arbitrary<ContractRequest> => {
  const { params, query, headers, body, bodyOptional } = route.request
  return fc
    .record({
      params: valuesOf(params),
      query: valuesOf(query),
      headers: valuesOf(headers),
      body: bodyOptional ? fc.option(valuesOf(body), { nil: undefined, freq: 10 }) : valuesOf(body),
      both: fc.integer({ min: 0, max: 9 }).map((n) => n === 0 || !bodyOptional),
    })
    .map((request) => confine(route, withOneValue(request)))
}

const junk = fc.oneof(fc.constantFrom(null, true, -1, 1.5, '', [], {}), fc.string())

/** Ways to break one part of a valid request. */
const breakages = (route: RouteContract): fc.Arbitrary<(request: ContractRequest) => ContractRequest>[] => {
  const { query, body } = route.request
  // Not those that say which keys a request is about: no other than those of this run may be sent.
  const shape = Object.keys(query?.shape ?? {}).filter((name) => !['key', 'prefix', 'start_after'].includes(name))
  const ways: fc.Arbitrary<(request: ContractRequest) => ContractRequest>[] = [
    fc.constant((request) => ({ ...request, query: { ...request.query, unknown: 'x' } })),
  ]
  if (shape.length > 0) {
    ways.push(
      fc.tuple(fc.constantFrom(...shape), fc.constantFrom('', 'x', '-1', '1e9', '0')).map(([name, text]) => (request) => ({
        ...request,
        query: { ...request.query, [name]: text },
      })),
    )
  }
  if (body !== undefined) {
    ways.push(
      junk.map((value) => (request) => ({ ...request, body: value })),
      fc.tuple(fc.constantFrom('ttl', 'expires_at', 'keep_ttl', 'unknown', '__proto__'), junk).map(([name, value]) => (request) => ({
        ...request,
        body: { ...(request.body as Members), [name]: value },
      })),
    )
  }
  return ways
}

/** Whether the contract refuses a request by its schemas. */
const isInvalid = (route: RouteContract, request: ContractRequest): boolean => {
  const { query, body } = route.request
  const unknownQuery = query === undefined && route.limited && Object.keys(request.query).length > 0
  return unknownQuery || query?.safeParse(request.query).success === false || body?.safeParse(request.body).success === false
}

/** Requests that a route's contract does not take, by one fault each. */
export const invalidRequests = (route: RouteContract): fc.Arbitrary<ContractRequest> =>
  fc
    .tuple(validRequests(route), fc.oneof(...breakages(route)))
    .map(([request, breakPart]) => breakPart(request))
    .filter((request) => isInvalid(route, request) && !(route.request.bodyOptional && request.body === undefined))
