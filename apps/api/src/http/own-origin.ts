import type { IncomingMessage } from 'node:http'
import { isLoopback } from '@holdfast/service'
import { Refusal } from '../refusal.js'

/** The name in a Host header, without its port and the brackets of an IPv6 address. */
const hostName = (host: string): string => /^\[(.*)\](?::\d*)?$/.exec(host)?.[1] ?? host.replace(/:\d*$/, '')

const isOwnName = (name: string): boolean =>
  isLoopback(name) || name.toLowerCase() === 'localhost' || name.toLowerCase().endsWith('.localhost')

/**
 * Refuses what a browser sends for another site to a service that this machine alone can reach and that asks for no key: a request with a
 * foreign `Origin` (RFC 6454), or under a foreign name that was made to lead here (DNS rebinding).
 * @throws Refusal forbidden
 */
export const checkOwnOrigin = ({ headers }: IncomingMessage): void => {
  const { host = '', origin } = headers
  if (host !== '' && !isOwnName(hostName(host))) {
    throw new Refusal(
      'forbidden',
      `the Host header names ${hostName(host)}, which is not this machine; set AUTH=required to be reached by other names`,
    )
  }
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    throw new Refusal('forbidden', 'a browser sends this request for another site, and the service asks for no API key')
  }
}
