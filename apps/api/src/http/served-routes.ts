import { type RouteContract, type RouteId, routes } from '@holdfast/contracts'

/** A route that this service has turned on. */
export interface ServedRoute {
  readonly id: RouteId
  readonly route: RouteContract
}

/** The routes that a service serves, by the settings that turn some of them on. */
export const servedRoutes = (settings: { readonly ROOT_KEYS: boolean; readonly METRICS_PORT: boolean }): readonly ServedRoute[] =>
  (Object.entries(routes) as [RouteId, RouteContract][])
    .filter(([, { enabledBy }]) => enabledBy === undefined || settings[enabledBy])
    .filter(([, { movedBy }]) => movedBy === undefined || !settings[movedBy])
    .map(([id, route]) => ({ id, route }))
