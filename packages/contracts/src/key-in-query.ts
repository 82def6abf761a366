import { z } from 'zod'
import type { RouteContract } from './route.js'
import { keyInQueryTag } from './tags.js'

const withKey = '/items/{key}'

/**
 * Returns a route of one item with its key in the query, for proxies that decode `%2F` in a path: `/items/{key}/increment` is also
 * `/item/increment?key=`. Returns undefined for other routes.
 */
export const keyInQuery = (route: RouteContract): RouteContract | undefined => {
  const { key, ...params } = route.request.params?.shape ?? {}
  if (!route.namespaced || key === undefined || !route.path.startsWith(withKey)) return undefined
  const query = (route.request.query ?? z.strictObject({})).extend({ key })
  const description = `Like \`${route.method.toUpperCase()} ${route.path}\`, for proxies that decode \`%2F\` in a path.`
  return {
    ...route,
    tag: keyInQueryTag,
    path: `/item${route.path.slice(withKey.length)}`,
    description,
    request: { ...route.request, params: z.object(params), query },
  }
}
