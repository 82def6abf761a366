import type { IncomingMessage } from 'node:http'
import { routingPath } from './request-target.js'

const withSlash = /^((?:\/namespaces\/[^/]+)?\/items|\/keys)\/([^/]*\/.*)$/
const increment = '/increment'

/** Characters of a path that is shown. */
const shownMax = 300

/**
 * Says what to do about a path whose key seems to have a `/` in it that is not encoded, or that a proxy has decoded; undefined for other
 * paths. Shows the path that was meant if only one can be: the path must be well-formed.
 */
export const slashHint = (incoming: IncomingMessage): string | undefined => {
  const [, base, rest] = withSlash.exec(routingPath(incoming)) ?? []
  if (base === undefined || rest === undefined) return undefined
  const action = incoming.method === 'POST' && base !== '/keys' && rest.endsWith(increment) ? increment : ''
  const key = encodeURIComponent(decodeURIComponent(rest.slice(0, rest.length - action.length)))
  const isCertain = (incoming.method !== 'POST' || action !== '' || base === '/keys') && key.length <= shownMax
  const encode = ` A key is one path segment: encode "/" in it as %2F${isCertain ? `, as in ${base}/${key}${action}` : ''}.`
  if (base === '/keys') return encode
  const byQuery = `${base.slice(0, -1)}${action}?key=${isCertain ? key : '…'}`
  return `${encode} If a proxy decodes %2F, send the key in the query: ${byQuery}`
}
