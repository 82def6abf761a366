import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { isLoopback } from '@holdfast/server-kit'

/**
 * Decides which names a `Host` header may have. DNS rebinding can point the name of a foreign site to this service, so only names that no
 * foreign site can use are trusted.
 */
export interface TrustedHosts {
  /** Returns whether a name (in lower case) is a loopback name or address. */
  readonly isLocal: (name: string) => boolean
  /** Returns whether a name (in lower case) is trusted and is not a loopback name. A proxy may serve such a name over TLS. */
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
 * Returns the names that a service without authentication accepts: loopback names and addresses, the names in `ALLOWED_HOSTS`, and if it
 * does not listen on loopback only, all IP addresses and the names of its machine.
 * @returns undefined if every name is accepted
 */
export const trustedHosts = ({ AUTH, HOST, ALLOWED_HOSTS }: HostSettings): TrustedHosts | undefined => {
  if (AUTH === 'required' || ALLOWED_HOSTS.has('*')) return undefined
  if (isLoopback(HOST)) return { isLocal, isTrusted: (name) => ALLOWED_HOSTS.has(name) }
  const names = new Set([...ALLOWED_HOSTS, hostname().toLowerCase(), HOST.toLowerCase()])
  return { isLocal, isTrusted: (name) => names.has(name) || isIP(name) !== 0 }
}
