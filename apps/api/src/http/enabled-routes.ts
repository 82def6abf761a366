import { inNamespace, keyInQuery, type RouteContract, type RouteId, routes } from '@holdfast/contracts'

/** A route that this service has turned on. */
export interface EnabledRoute {
  /** The route's, whose handler takes the requests. */
  readonly id: RouteId
  /** Unique among all that are served. */
  readonly operationId: string
  readonly route: RouteContract
  /** Whether the key is in the query and not in the path, where the handler expects it. */
  readonly keyInQuery: boolean
}

const served = (id: RouteId, route: RouteContract): EnabledRoute[] => {
  const byQuery = keyInQuery(route)
  const forms: EnabledRoute[] = [{ id, operationId: id, route, keyInQuery: false }]
  if (byQuery !== undefined) forms.push({ id, operationId: `${id}ByQuery`, route: byQuery, keyInQuery: true })
  if (!route.namespaced) return forms
  return forms.flatMap((form) => [form, { ...form, operationId: `${form.operationId}InNamespace`, route: inNamespace(form.route) }])
}

/**
 * The routes that a service serves, by the settings that turn some of them on; those of items also under the path of
 * a namespace, and those of one item also with the key in the query.
 */
export const enabledRoutes = (settings: {
  readonly ROOT_KEYS: boolean
  readonly AUTH: boolean
  readonly METRICS_PORT: boolean
}): readonly EnabledRoute[] =>
  (Object.entries(routes) as [RouteId, RouteContract][])
    .filter(([, route]) => route.enabledBy === undefined || settings[route.enabledBy])
    .filter(([, { movedBy }]) => movedBy === undefined || !settings[movedBy])
    .flatMap(([id, route]) => served(id, route))
