import { type RouteContract, routes } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import { prefersRepresentation } from '../http/preferences.js'
import { type Caller, challenge } from './authenticate.js'

/** The parts of a validated request that name items. */
interface ItemTargets {
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

const forbidden = (reason: string): ApiError => new ApiError('forbidden', `The API key ${reason}.`)

/** @throws ApiError forbidden */
const requireScope = (caller: Caller, scope: string): void => {
  if (caller.scopes.includes(scope)) return
  throw new ApiError('forbidden', `The API key lacks the scope ${scope}.`, {
    headers: challenge(`, error="insufficient_scope", scope="${scope}"`),
  })
}

const keysOf = ({ params, body }: ItemTargets): string[] => {
  const several = [...(body?.checks ?? []), ...(body?.operations ?? []), ...(body?.items ?? [])].map(({ key }) => key)
  const keys = (body?.keys ?? []).map((each) => (typeof each === 'string' ? each : each.key))
  return [params?.key, body?.key, ...keys, ...several].filter((key) => key !== undefined)
}

/** Restricts a list to the prefix of the API key. Rejects a list whose prefix has no keys in common with it. */
const restrictList = <Input>(input: Input, prefix: string): Input => {
  const { query } = input as ItemTargets
  const requested = query?.prefix ?? ''
  if (requested.startsWith(prefix)) return input
  if (!prefix.startsWith(requested)) throw forbidden(`is restricted to keys that start with ${JSON.stringify(prefix)}`)
  return { ...input, query: { ...query, prefix } }
}

/** Rejects a request for keys outside the prefix of the API key, and every request whose keys are not known here. */
const restrictToPrefix = <Input>(input: Input, prefix: string, route: RouteContract): Input => {
  if (route.path.endsWith(routes.listItems.path)) {
    if (route.method === 'get') return restrictList(input, prefix)
    if (route.method === 'delete' && (input as ItemTargets).query?.prefix?.startsWith(prefix)) return input
  }
  const keys = keysOf(input as ItemTargets)
  const { body } = input as ItemTargets
  const isEmptyBatch = [body?.keys, body?.operations, body?.items].some((elements) => elements?.length === 0)
  if ((keys.length === 0 && !isEmptyBatch) || !keys.every((key) => key.startsWith(prefix))) {
    throw forbidden(`is restricted to keys that start with ${JSON.stringify(prefix)}`)
  }
  return input
}

/**
 * Checks the rights that depend only on the route and the namespace, before the body of a request is read.
 * @throws ApiError forbidden
 */
export const authorizeRoute = (caller: Caller | undefined, route: RouteContract, namespace: string): void => {
  if (caller === undefined) return
  requireScope(caller, route.scope ?? (route.safe ? 'read' : 'write'))
  if (caller.namespaces !== null && !caller.namespaces.includes(namespace)) throw forbidden(`is not valid for the namespace ${namespace}`)
}

/**
 * Checks the rights that depend on the input of a request.
 * @returns the input, in which a list is restricted to the prefix of the API key
 * @throws ApiError forbidden
 */
export const authorize = <Input>(caller: Caller | undefined, route: RouteContract, input: Input): Input => {
  if (caller === undefined) return input
  const { body, headers } = input as ItemTargets
  const readsItem = route.method === 'delete' && prefersRepresentation(headers?.prefer)
  if (readsItem || body?.operations?.some(({ op }) => op === 'get')) requireScope(caller, 'read')
  return caller.prefix === null ? input : restrictToPrefix(input, caller.prefix, route)
}
