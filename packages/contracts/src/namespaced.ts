import { z } from 'zod'
import { namespacedPath } from './endpoints.js'
import { Namespace } from './primitives.js'
import type { RouteContract } from './route.js'
import { namespacedTag } from './tags.js'

/** A namespaced route as it is under the path of a namespace: the same but for one more parameter. */
export const inNamespace = (route: RouteContract): RouteContract => {
  const params = z.object({ namespace: Namespace, ...route.request.params?.shape })
  return { ...route, tag: namespacedTag, path: namespacedPath(route.path), request: { ...route.request, params } }
}
