import { type RouteContract, routes } from '@holdfast/contracts'
import { Refusal } from '../refusal.js'

const patterns = (Object.values(routes) as RouteContract[]).map((route) => ({
  method: route.method.toUpperCase(),
  pattern: new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}))

/** What to refuse a request with that no route took: the wrong method, or no such path. */
export const refuseUnmatched = (path: string, method: string): Refusal => {
  const methods = patterns.filter(({ pattern }) => pattern.test(path)).map((route) => route.method)
  if (methods.length === 0) return new Refusal('route_not_found', 'no route has this path')
  const allow = [...new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods)].sort().join(', ')
  return new Refusal('method_not_allowed', `${method} is not a method of this path; it has ${allow}`, { headers: { allow } })
}
