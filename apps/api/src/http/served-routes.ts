import { inNamespace, type RouteContract, type RouteId, routes } from '@holdfast/contracts'

/** A route that this service has turned on. */
export interface ServedRoute {
  /** The route's, whose handler takes the requests. */
  readonly id: RouteId
  /** Unique among all that are served. */
  readonly operationId: string
  readonly route: RouteContract
}

const served = (id: RouteId, route: RouteContract): ServedRoute[] => {
  const itself = { id, operationId: id, route }
  return route.namespaced ? [itself, { id, operationId: `${id}InNamespace`, route: inNamespace(route) }] : [itself]
}

/** The routes that a service serves, by the settings that turn some of them on; those of items once more under the path of a namespace. */
export const servedRoutes = (settings: {
  readonly ROOT_KEYS: boolean
  readonly AUTH: boolean
  readonly METRICS_PORT: boolean
}): readonly ServedRoute[] =>
  (Object.entries(routes) as [RouteId, RouteContract][])
    .filter(([, route]) => route.enabledBy === undefined || settings[route.enabledBy])
    .filter(([, { movedBy }]) => movedBy === undefined || !settings[movedBy])
    .flatMap(([id, route]) => served(id, route))
