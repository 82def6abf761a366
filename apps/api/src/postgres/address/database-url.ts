import { userInfo } from 'node:os'
import { decode, encodingAdvice, InvalidDatabaseUrl, oneOf, parseParameters, parseWholeNumber } from './url-parameters.js'

/** The address of a server: TCP or a Unix socket. */
export type ServerEndpoint = { readonly host: string; readonly port: number } | { readonly path: string }

/** The values of `sslmode` (PostgreSQL docs, table 34.1). */
const tlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
type TlsMode = (typeof tlsModes)[number]

export interface TlsOptions {
  readonly mode: TlsMode
  /** Whether TLS starts with the first byte, without an SSLRequest message. */
  readonly direct: boolean
  /** A file in PEM format, or `system` for the certificate authorities that Node trusts. */
  readonly rootCertificate: string | undefined
  /** Files in PEM format. */
  readonly certificate: string | undefined
  readonly key: string | undefined
  readonly passphrase: string | undefined
}

/** The connection parameters of a database URL. */
export interface DatabaseTarget {
  /** In the order in which they are tried. */
  readonly endpoints: readonly ServerEndpoint[]
  readonly database: string
  readonly user: string
  readonly password: string
  readonly tls: TlsOptions
  /** Timeout of a connection to one endpoint, in milliseconds; undefined if the URL has none. */
  readonly connectTimeoutMs: number | undefined
  /** Parameters of the startup message. */
  readonly startup: Readonly<Record<string, string>>
}

const parsePort = (text: string): number => {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw new InvalidDatabaseUrl(`A port must be a number from 1 to 65535. ${encodingAdvice}`)
  return port
}

const defaultPort = '5432'

/** @param host a name, an IP address, or the folder of a Unix socket */
const toEndpoint = (host: string, port: string): ServerEndpoint => {
  const number = parsePort(port === '' ? defaultPort : port)
  if (host.startsWith('/')) return { path: `${host.replace(/\/+$/, '')}/.s.PGSQL.${number}` }
  if (!/^[^\s/@?#[\]]*$/.test(host)) throw new InvalidDatabaseUrl(`A host contains an invalid character. ${encodingAdvice}`)
  return { host: host === '' ? 'localhost' : host, port: number }
}

/** Parses `host1:port1,host2:port2`. An IPv6 address is in brackets. */
const parseHosts = (text: string): [host: string, port: string][] =>
  text.split(',').map((each) => {
    const [, v6, name, port = ''] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(each) ?? []
    const host = v6 ?? name
    if (host === undefined)
      throw new InvalidDatabaseUrl(`A host must be a name, an IPv4 address, or an IPv6 address in brackets. ${encodingAdvice}`)
    if (v6 !== undefined && !decode(v6).includes(':')) throw new InvalidDatabaseUrl('Only an IPv6 address may be in brackets.')
    return [decode(host), port]
  })

/** Returns the endpoints: those of the authority, which the parameters `host` (or `hostaddr`) and `port` override. */
const parseEndpoints = (authority: string, parameters: ReadonlyMap<string, string>): ServerEndpoint[] => {
  let pairs = parseHosts(authority)
  const hosts = (parameters.get('hostaddr') ?? parameters.get('host'))?.split(',')
  if (hosts !== undefined) pairs = hosts.map((host, index) => [host, (pairs.length === 1 ? pairs[0] : pairs[index])?.[1] ?? ''])
  const ports = parameters.get('port')?.split(',')
  if (ports !== undefined) {
    if (ports.length !== 1 && ports.length !== pairs.length)
      throw new InvalidDatabaseUrl('It must have one port for all hosts, or one port for each host.')
    pairs = pairs.map(([host], index) => [host, (ports.length === 1 ? ports[0] : ports[index]) ?? ''])
  }
  return pairs.map(([host, port]) => toEndpoint(host, port))
}

/** Values of `ssl`, which other drivers use in place of `sslmode`. */
const sslValues: Readonly<Record<string, TlsMode>> = { true: 'require', false: 'disable', 'no-verify': 'require' }

const parseTls = (parameters: ReadonlyMap<string, string>): TlsOptions => {
  const ssl = parameters.get('ssl')
  const requested = parameters.get('sslmode') ?? (ssl === undefined ? undefined : (sslValues[ssl] ?? ssl))
  const rootCertificate = parameters.get('sslrootcert')
  const preset = rootCertificate === 'system' ? 'verify-full' : 'disable'
  const mode = requested === undefined ? preset : oneOf('sslmode', tlsModes, requested)
  const direct = oneOf('sslnegotiation', ['postgres', 'direct'], parameters.get('sslnegotiation') ?? 'postgres') === 'direct'
  if (direct && tlsModes.indexOf(mode) < tlsModes.indexOf('require')) {
    throw new InvalidDatabaseUrl('sslnegotiation=direct requires sslmode=require, verify-ca or verify-full.')
  }
  return {
    mode,
    direct,
    rootCertificate,
    certificate: parameters.get('sslcert'),
    key: parameters.get('sslkey'),
    passphrase: parameters.get('sslpassword'),
  }
}

const parseStartup = (parameters: ReadonlyMap<string, string>): Record<string, string> => {
  const startup: Record<string, string> = { application_name: parameters.get('application_name') ?? 'holdfast' }
  for (const name of ['options', 'search_path']) {
    const value = parameters.get(name)
    if (value !== undefined) startup[name] = value
  }
  return startup
}

const currentUser = (): string => {
  try {
    return userInfo().username
  } catch {
    throw new InvalidDatabaseUrl('It has no user, and the user of this process has no name. Add a user.')
  }
}

/**
 * Parses a connection URI (PostgreSQL docs, section 34.1.1.2), including several hosts, Unix sockets and libpq's parameters.
 * @throws InvalidDatabaseUrl
 */
export const parseDatabaseUrl = (url: string): DatabaseTarget => {
  const [, rest] = /^postgres(?:ql)?:\/\/(.*)$/s.exec(url) ?? []
  if (rest === undefined) throw new InvalidDatabaseUrl()
  const slash = rest.indexOf('/')
  // The credentials end at the last @ before the first slash, so @, ? and # in a password need no encoding.
  const at = rest.slice(0, slash === -1 ? rest.length : slash).lastIndexOf('@')
  const credentials = at === -1 ? '' : rest.slice(0, at)
  const [, authority = '', path = '', query = ''] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest.slice(at + 1)) ?? []
  if (/[/@#]/.test(path)) throw new InvalidDatabaseUrl(`Its database name contains /, @ or #. ${encodingAdvice}`)
  const parameters = parseParameters(query)
  const [, user = '', password = ''] = /^([^:]*)(?::(.*))?$/s.exec(credentials) ?? []
  const database = parameters.get('dbname') ?? decode(path)
  if (database === '') throw new InvalidDatabaseUrl('It has no database name.')
  const connectTimeout = parameters.get('connect_timeout')
  return {
    endpoints: parseEndpoints(authority, parameters),
    database,
    user: parameters.get('user') ?? (user === '' ? currentUser() : decode(user)),
    password: parameters.get('password') ?? decode(password),
    tls: parseTls(parameters),
    connectTimeoutMs: connectTimeout === undefined ? undefined : parseWholeNumber('connect_timeout', connectTimeout) * 1000,
    startup: parseStartup(parameters),
  }
}
