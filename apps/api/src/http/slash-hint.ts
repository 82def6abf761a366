import type { IncomingMessage } from 'node:http'
import { routingPath } from './request-target.js'

const withSlash = /^((?:\/namespaces\/[^/]+)?\/items|\/keys)\/([^/]*\/.*)$/
const increment = '/increment'

/** The maximum length of a key that is shown. */
const shownMax = 300

/**
 * Returns advice for a path whose key seems to contain a `/` that the client did not encode or that a proxy decoded. Returns undefined for
 * other paths. Shows the intended path if there is only one candidate. The path must be well-formed.
 */
export const slashHint = (incoming: IncomingMessage): string | undefined => {
  const [, base, rest] = withSlash.exec(routingPath(incoming)) ?? []
  if (base === undefined || rest === undefined) return undefined
  const action = incoming.method === 'POST' && base !== '/keys' && rest.endsWith(increment) ? increment : ''
  const key = encodeURIComponent(decodeURIComponent(rest.slice(0, rest.length - action.length)))
  const isCertain = (incoming.method !== 'POST' || action !== '' || base === '/keys') && key.length <= shownMax
  const encode = ` A key is one path segment. Encode "/" in a key as %2F${isCertain ? `, as in ${base}/${key}${action}` : ''}.`
  if (base === '/keys') return encode
  const byQuery = `${base.slice(0, -1)}${action}?key=${isCertain ? key : '…'}`
  return `${encode} If a proxy decodes %2F, send the key in the query: ${byQuery}`
}
