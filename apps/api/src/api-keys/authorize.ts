import type { RouteContract } from '@holdfast/contracts'
import { ApiError } from '../http/api-error.js'
import type { Caller } from '../http/caller.js'
import type { HttpMiddleware } from '../http/hono-env.js'
import { requestNamespace } from '../http/validate.js'
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
const checkRights = (caller: Caller, route: RouteContract, namespace: string): void => {
  requireScope(caller, route.scope ?? (route.safe ? 'read' : 'write'))
  if (caller.namespaces !== null && !caller.namespaces.includes(namespace)) throw forbidden(`is not valid for the namespace ${namespace}`)
  // No such route keeps to a prefix; those of items check it themselves (`namespaces/limits-gate.ts`).
  if (caller.prefix !== null && route.scope === 'admin') throw forbidden('is restricted to a prefix')
}

/** Checks the rights of the caller to use a route. */
export const authorize =
  (route: RouteContract): HttpMiddleware =>
  (c, next) => {
    const caller = c.get('caller')
    if (caller !== undefined) checkRights(caller, route, requestNamespace(c))
    return next()
  }
