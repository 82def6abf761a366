import type { RouteContract } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { Caller } from '../http/caller.js'
import { challenge } from './authenticate.js'

const forbidden = (reason: string): ApiError => new ApiError('forbidden', `The API key ${reason}.`)

/**
 * Checks that an API key has a scope.
 * @throws ApiError forbidden
 */
export const requireScope = (caller: Caller, scope: string): void => {
  if (caller.scopes.includes(scope)) return
  throw new ApiError('forbidden', `The API key lacks the scope ${scope}.`, {
    headers: challenge(`, error="insufficient_scope", scope="${scope}"`),
  })
}

/**
 * Checks the rights that depend only on the route and the namespace, before the body of a request is read.
 * @throws ApiError forbidden
 */
export const authorizeRoute = (caller: Caller | undefined, route: RouteContract, namespace: string): void => {
  if (caller === undefined) return
  requireScope(caller, route.scope ?? (route.safe ? 'read' : 'write'))
  if (caller.namespaces !== null && !caller.namespaces.includes(namespace)) throw forbidden(`is not valid for the namespace ${namespace}`)
  // No such route keeps to a prefix; those of items check it themselves (`namespaces/limits-gate.ts`).
  if (caller.prefix !== null && route.scope === 'admin') throw forbidden('is restricted to a prefix')
}
