import { defaultNamespace, namespacedPath, type RouteContract } from '@holdfast/contracts'

/** The parts of a target, decoded. */
interface TargetParts {
  readonly namespace: string
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
}

/**
 * Writes the target of a request in one way, whichever spelling it came in: without a trailing slash, `default` left out, everything
 * percent-encoded alike, the query in order. Proxies respell targets, so a retry can arrive in another spelling than the first request.
 * The client of the project sends this very spelling.
 * @param route the contract of the operation, without a namespace in its path
 */
export const canonicalTarget = (route: RouteContract, { namespace, params, query }: TargetParts): string => {
  const template = route.namespaced && namespace !== defaultNamespace ? namespacedPath(route.path) : route.path
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const parameters = new URLSearchParams(query as Record<string, string>)
  parameters.sort()
  return parameters.size === 0 ? path : `${path}?${parameters}`
}
