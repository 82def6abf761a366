import type { IncomingMessage } from 'node:http'
import { ApiError } from './api-error.js'
import type { TrustedHosts } from './trusted-hosts.js'

/** The name in a Host header, without its port and the brackets of an IPv6 address. */
const hostName = (host: string): string => /^\[(.*)\](?::\d*)?$/.exec(host)?.[1] ?? host.replace(/:\d*$/, '')

/**
 * Rejects requests that a browser sends for another site to a service without authentication: those with a foreign `Origin`
 * (RFC 6454), and those for a foreign name that was made to lead here (DNS rebinding).
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
    'A browser sends this request for a page of another origin. Such pages need AUTH=required and CORS_ORIGINS on the service.',
  )
}
