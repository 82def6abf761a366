import { randomUUID } from 'node:crypto'
import type { RouteContract } from '@holdfast/contracts'
import fc from 'fast-check'
import { valuesOf } from './arbitrary.ts'

type Members = Record<string, unknown>

/** A request, split into the parts that its contract describes. */
export interface ContractRequest {
  readonly params: Members
  readonly query: Members
  readonly headers: Members
  readonly body: unknown
}

/** The prefix of all keys of this run. It keeps the tests from reading or changing other data. */
export const ownPrefix = `conformance/${randomUUID()}/`

/** Keys that most requests use, so that requests operate on items of earlier ones. */
export const commonKeys = ['a', 'b', 'c'].map((name) => ownPrefix + name)

/** The namespace that most requests on namespaces use. */
export const ownNamespace = `conformance-${randomUUID()}`

/** Replaces a generated namespace name with one of this run. */
const ownNamespaceName = (text: unknown): unknown => {
  if (typeof text !== 'string') return text
  return text.length % 4 === 0 ? `${ownNamespace}-${text.length}` : ownNamespace
}

/** The name of all API keys of this run. */
export const ownApiKeyName = `${ownPrefix}key`

/** Replaces a generated key with one of this run. */
const ownKey = (text: unknown): unknown => {
  if (typeof text !== 'string') return text
  const start = Array.from(text).slice(0, 3).join('')
  return start.length < 3 ? `${ownPrefix}${start}` : (commonKeys[start.charCodeAt(0) % commonKeys.length] ?? ownPrefix)
}

/** Replaces a generated idempotency key with a unique one in the same form, quoted or not. */
const ownIdempotencyKey = (generated: unknown): string => (String(generated).startsWith('"') ? `"${randomUUID()}"` : randomUUID())

/** Replaces characters that a header value cannot contain. */
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

/** Replaces generated names of namespaces and API keys with those of this run. */
const confineAdministration = (members: Members): Members => {
  const own = { ...members }
  if ('namespace' in own) own.namespace = ownNamespaceName(own.namespace)
  if (typeof own.id === 'string') own.id = `${ownNamespace}-${own.id}`.slice(0, 64).toWellFormed()
  if ('scopes' in own) own.name = ownApiKeyName
  else if ('name' in own) own.name = ownNamespaceName(own.name)
  return own
}

/** Restricts a generated request to keys, namespaces and API keys of this run. */
const confine = (route: RouteContract, request: Record<keyof ContractRequest, unknown>): ContractRequest => {
  const params = confineAdministration(confineMembers(request.params))
  const query = confineMembers(request.query)
  if (route.request.query !== undefined && 'prefix' in route.request.query.shape) query.prefix ??= ownPrefix
  const isObject = typeof request.body === 'object' && request.body !== null && !Array.isArray(request.body)
  const body = isObject ? confineAdministration(confineMembers(request.body)) : request.body
  // On some routes the body must contain the key of the path.
  const bodyHasPathKey = isObject && 'key' in params && route.request.body !== undefined && 'key' in (body as Members)
  const headers = sendable(request.headers)
  if (headers['idempotency-key'] !== undefined) headers['idempotency-key'] = ownIdempotencyKey(headers['idempotency-key'])
  return { params, query, headers, body: bodyHasPathKey ? { ...(body as Members), key: params.key } : body }
}

/** Removes `value` from the query of most requests with a body, because the API rejects a request with both. */
const withOneValue = <R extends { query: unknown; body: unknown; both: boolean }>({ both, ...request }: R) => {
  if (request.body === undefined || both || request.query === undefined) return request
  const { value: _inQuery, ...query } = request.query as Members
  return { ...request, query }
}

/** Returns an arbitrary of requests that a route's contract accepts. */
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

/** Returns mutations that may invalidate one part of a valid request. */
const mutations = (route: RouteContract): fc.Arbitrary<(request: ContractRequest) => ContractRequest>[] => {
  const { query, body } = route.request
  // Parameters that select keys are excluded: a request must not use keys other than those of this run.
  const names = Object.keys(query?.shape ?? {}).filter((name) => !['key', 'prefix', 'start_after'].includes(name))
  const result: fc.Arbitrary<(request: ContractRequest) => ContractRequest>[] = [
    fc.constant((request) => ({ ...request, query: { ...request.query, unknown: 'x' } })),
  ]
  if (names.length > 0) {
    result.push(
      fc.tuple(fc.constantFrom(...names), fc.constantFrom('', 'x', '-1', '1e9', '0')).map(([name, text]) => (request) => ({
        ...request,
        query: { ...request.query, [name]: text },
      })),
    )
  }
  if (body !== undefined) {
    result.push(
      junk.map((value) => (request) => ({ ...request, body: value })),
      fc.tuple(fc.constantFrom('ttl', 'expires_at', 'keep_ttl', 'unknown', '__proto__'), junk).map(([name, value]) => (request) => ({
        ...request,
        body: { ...(request.body as Members), [name]: value },
      })),
    )
  }
  return result
}

/** Returns whether the schemas of the contract reject a request. */
const isInvalid = (route: RouteContract, request: ContractRequest): boolean => {
  const { query, body } = route.request
  const unknownQuery = query === undefined && route.limited && Object.keys(request.query).length > 0
  return unknownQuery || query?.safeParse(request.query).success === false || body?.safeParse(request.body).success === false
}

/** Returns an arbitrary of requests that a route's contract rejects because of one invalid part. */
export const invalidRequests = (route: RouteContract): fc.Arbitrary<ContractRequest> =>
  fc
    .tuple(validRequests(route), fc.oneof(...mutations(route)))
    .map(([request, mutate]) => mutate(request))
    .filter((request) => isInvalid(route, request) && !(route.request.bodyOptional && request.body === undefined))
