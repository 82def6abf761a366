import { defaultNamespace, namespacedPath, type RouteContract } from '@holdfast/contracts'

/** The decoded parts of a target. */
interface TargetParts {
  readonly namespace: string
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
}

/**
 * Returns the canonical target of a request: without a trailing slash, without the namespace `default`, with uniform percent-encoding and a
 * sorted query. Proxies rewrite targets, so a retry may arrive with another spelling than the first request. The client sends the canonical
 * one.
 * @param route the contract of the operation, without a namespace in its path
 */
export const canonicalTarget = (route: RouteContract, { namespace, params, query }: TargetParts): string => {
  const template = route.namespaced && namespace !== defaultNamespace ? namespacedPath(route.path) : route.path
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const parameters = new URLSearchParams(query as Record<string, string>)
  parameters.sort()
  return parameters.size === 0 ? path : `${path}?${parameters}`
}
