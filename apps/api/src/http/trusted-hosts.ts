import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { isLoopback } from '@holdfast/server-kit'

/**
 * Decides which names a request may have in its `Host` header. DNS rebinding leads a foreign name to this service, so only
 * names that no foreign site can use are trusted.
 */
export interface TrustedHosts {
  /** Whether a name, in lower case, is this machine's own loopback name or address. */
  readonly isLocal: (name: string) => boolean
  /** Whether a name, in lower case, is another trusted one; a proxy may serve such a name over TLS. */
  readonly isTrusted: (name: string) => boolean
}

/** The settings that decide which hosts are trusted. */
interface HostSettings {
  readonly AUTH: 'off' | 'required'
  readonly HOST: string
  readonly ALLOWED_HOSTS: ReadonlySet<string>
}

const isLocal = (name: string): boolean => isLoopback(name) || name.endsWith('.localhost')

/**
 * The names that a service without authentication answers to: loopback names and addresses, those of `ALLOWED_HOSTS`, and if it
 * listens on other addresses than loopback, IP addresses and the name of its machine.
 * @returns undefined if every name is accepted
 */
export const trustedHosts = ({ AUTH, HOST, ALLOWED_HOSTS }: HostSettings): TrustedHosts | undefined => {
  if (AUTH === 'required' || ALLOWED_HOSTS.has('*')) return undefined
  if (isLoopback(HOST)) return { isLocal, isTrusted: (name) => ALLOWED_HOSTS.has(name) }
  const names = new Set([...ALLOWED_HOSTS, hostname().toLowerCase(), HOST.toLowerCase()])
  return { isLocal, isTrusted: (name) => names.has(name) || isIP(name) !== 0 }
}
