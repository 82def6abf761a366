import { z } from 'zod'
import { namespacedPath } from './endpoints.js'
import { Namespace } from './primitives.js'
import type { RouteContract } from './route.js'
import { namespacedTag } from './tags.js'

/** Returns a namespaced route under the path of a namespace, with one more parameter. */
export const inNamespace = (route: RouteContract): RouteContract => {
  const params = z.object({ namespace: Namespace, ...route.request.params?.shape })
  return { ...route, tag: namespacedTag, path: namespacedPath(route.path), request: { ...route.request, params } }
}
