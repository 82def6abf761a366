import { defaultNamespace, type Endpoint, namespacedPath } from '@holdfast/contracts/endpoints'
import { InvalidArgumentError } from './errors.js'

const segment = (name: string, value: string): string => {
  if (typeof value !== 'string' || value === '') throw new InvalidArgumentError(`${name} must be a non-empty string`)
  // URLs remove these segments (RFC 3986 section 5.2.4), so the request would reach another route.
  if (value === '.' || value === '..') throw new InvalidArgumentError(`${name} must not be "." or "..", which URLs cannot carry`)
  if (!value.isWellFormed()) throw new InvalidArgumentError(`${name} must not contain unpaired surrogates`)
  return encodeURIComponent(value)
}

/** Checks a key in a body as strictly as a key in a path. @throws InvalidArgumentError */
export const assertKey = (what: string, key: string): void => {
  segment(`${what}: key`, key)
}

/**
 * Returns the path of a contract with its parameters, each as one percent-encoded segment.
 * @throws InvalidArgumentError
 */
const fillPath = (path: string, params: Readonly<Record<string, unknown>> = {}): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => segment(name, params[name] as string))

/**
 * Returns the path of a route, in a namespace if the route has one.
 * @throws InvalidArgumentError
 */
export const routePath = (
  { path, namespaced }: Endpoint,
  params: Readonly<Record<string, unknown>> | undefined,
  namespace: string,
): string =>
  namespaced && namespace !== defaultNamespace ? fillPath(namespacedPath(path), { ...params, namespace }) : fillPath(path, params)

/**
 * Returns a query string with its `?`. Repeats a member that is an array. Omits members that are undefined.
 * @throws InvalidArgumentError
 */
export const queryString = (query: Readonly<Record<string, unknown>> = {}): string => {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    for (const text of Array.isArray(value) ? value.map(String) : [String(value)]) {
      // URLSearchParams would replace them and so change the request.
      if (!text.isWellFormed()) throw new InvalidArgumentError(`${name} must not contain unpaired surrogates`)
      parameters.append(name, text)
    }
  }
  return parameters.size === 0 ? '' : `?${parameters}`
}
