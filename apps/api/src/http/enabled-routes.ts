import { inNamespace, keyInQuery, type RouteContract, type RouteId, routes } from '@holdfast/contracts'

/** A route that is enabled in this service. */
export interface EnabledRoute {
  /** The id of the route whose handler processes the requests. */
  readonly id: RouteId
  /** Unique among all enabled routes. */
  readonly operationId: string
  readonly route: RouteContract
  /** Whether the key is in the query. Handlers expect it in the path. */
  readonly keyInQuery: boolean
}

/** Returns a route and its variants: with the key in the query, and under the path of a namespace. */
const variantsOf = (id: RouteId, route: RouteContract): EnabledRoute[] => {
  const byQuery = keyInQuery(route)
  const variants: EnabledRoute[] = [{ id, operationId: id, route, keyInQuery: false }]
  if (byQuery !== undefined) variants.push({ id, operationId: `${id}ByQuery`, route: byQuery, keyInQuery: true })
  if (!route.namespaced) return variants
  return variants.flatMap((variant) => [
    variant,
    { ...variant, operationId: `${variant.operationId}InNamespace`, route: inNamespace(variant.route) },
  ])
}

/** Returns all routes that the settings enable, with their variants. */
export const enabledRoutes = (settings: {
  readonly ROOT_KEYS: boolean
  readonly AUTH: boolean
  readonly CHANGE_LOG: boolean
  readonly METRICS_PORT: boolean
}): readonly EnabledRoute[] =>
  (Object.entries(routes) as [RouteId, RouteContract][])
    .filter(([, route]) => route.enabledBy === undefined || settings[route.enabledBy])
    .filter(([, { movedBy }]) => movedBy === undefined || !settings[movedBy])
    .flatMap(([id, route]) => variantsOf(id, route))
