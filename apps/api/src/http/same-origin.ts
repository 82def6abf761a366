import type { IncomingMessage } from 'node:http'
import { ApiError } from './api-error.js'
import type { TrustedHosts } from './trusted-hosts.js'

/** Returns the name in a Host header, without the port and the brackets of an IPv6 address. */
const hostName = (host: string): string => /^\[(.*)\](?::\d*)?$/.exec(host)?.[1] ?? host.replace(/:\d*$/, '')

/**
 * Protects a service without authentication from requests that browsers send for other sites. Rejects a foreign `Origin` (RFC 6454), and
 * a foreign name in `Host`, which DNS rebinding points to this service.
 * @throws ApiError forbidden
 */
export const checkSameOrigin = ({ headers }: IncomingMessage, hosts: TrustedHosts): void => {
  const host = headers.host?.toLowerCase() ?? ''
  const origin = headers.origin?.toLowerCase()
  const name = hostName(host)
  const trusted = hosts.isTrusted(name)
  if (host !== '' && !trusted && !hosts.isLocal(name)) {
    throw new ApiError(
      'forbidden',
      `The Host header names ${name}, which is not a name of this service. Add it to ALLOWED_HOSTS, or set AUTH=required.`,
    )
  }
  if (origin === undefined || origin === `http://${host}` || (trusted && origin === `https://${host}`)) return
  throw new ApiError(
    'forbidden',
    'Pages of other origins may not call this service. To allow an origin, set AUTH=required and add it to CORS_ORIGINS.',
  )
}
