import { type RouteContract, routes } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import { prefersRepresentation } from '../http/preferences.js'
import { type Caller, challenge } from './authenticate.js'

/** What a validated request may say of the items that it is about. */
interface Targets {
  readonly params?: { readonly key?: string }
  readonly query?: { readonly prefix?: string }
  readonly headers?: { readonly prefer?: string }
  readonly body?: {
    readonly key?: string
    readonly keys?: readonly (string | { readonly key: string })[]
    readonly items?: readonly { readonly key: string }[]
    readonly checks?: readonly { readonly key: string }[]
    readonly operations?: readonly { readonly op: string; readonly key: string }[]
  }
}

const forbidden = (what: string): ApiError => new ApiError('forbidden', `the API key ${what}`)

/** @throws ApiError forbidden */
const checkScope = (caller: Caller, scope: string): void => {
  if (caller.scopes.includes(scope)) return
  throw new ApiError('forbidden', `The API key lacks the scope ${scope}.`, {
    headers: challenge(`, error="insufficient_scope", scope="${scope}"`),
  })
}

const keysOf = ({ params, body }: Targets): string[] => {
  const several = [...(body?.checks ?? []), ...(body?.operations ?? []), ...(body?.items ?? [])].map(({ key }) => key)
  const keys = (body?.keys ?? []).map((each) => (typeof each === 'string' ? each : each.key))
  return [params?.key, body?.key, ...keys, ...several].filter((key) => key !== undefined)
}

/** A list within a prefix; one that has nothing in common with it is empty, since no key begins with both. */
const narrowed = <Input>(input: Input, prefix: string): Input => {
  const { query } = input as Targets
  const asked = query?.prefix ?? ''
  if (asked.startsWith(prefix)) return input
  if (!prefix.startsWith(asked)) throw forbidden(`is for keys that begin with ${JSON.stringify(prefix)}`)
  return { ...input, query: { ...query, prefix } }
}

/** Keeps a request to the keys with a prefix; a route that names no keys in a way that is known here is refused. */
const withinPrefix = <Input>(input: Input, prefix: string, route: RouteContract): Input => {
  if (route.path.endsWith(routes.listItems.path)) {
    if (route.method === 'get') return narrowed(input, prefix)
    if (route.method === 'delete' && (input as Targets).query?.prefix?.startsWith(prefix)) return input
  }
  const keys = keysOf(input as Targets)
  const { body } = input as Targets
  const isEmptyBatch = [body?.keys, body?.operations, body?.items].some((elements) => elements?.length === 0)
  if ((keys.length === 0 && !isEmptyBatch) || !keys.every((key) => key.startsWith(prefix))) {
    throw forbidden(`is for keys that begin with ${JSON.stringify(prefix)}`)
  }
  return input
}

/**
 * Refuses what the route and the namespace alone decide, before anything more of a request is read.
 * @throws ApiError forbidden
 */
export const authorizeRoute = (caller: Caller | undefined, route: RouteContract, namespace: string): void => {
  if (caller === undefined) return
  checkScope(caller, route.scope ?? (route.safe ? 'read' : 'write'))
  if (caller.namespaces !== null && !caller.namespaces.includes(namespace)) throw forbidden(`is not for the namespace ${namespace}`)
}

/**
 * What of a valid request its caller may have: the request itself, or a list within the prefix of the caller's key.
 * @throws ApiError forbidden
 */
export const authorize = <Input>(caller: Caller | undefined, route: RouteContract, input: Input): Input => {
  if (caller === undefined) return input
  const { body, headers } = input as Targets
  const readsItem = route.method === 'delete' && prefersRepresentation(headers?.prefer)
  if (readsItem || body?.operations?.some(({ op }) => op === 'get')) checkScope(caller, 'read')
  return caller.prefix === null ? input : withinPrefix(input, caller.prefix, route)
}
