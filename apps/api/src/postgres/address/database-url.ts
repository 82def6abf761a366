import { userInfo } from 'node:os'

/** One place where a server may listen. */
export type ServerEndpoint = { readonly host: string; readonly port: number } | { readonly path: string }

/** PostgreSQL docs, table 34.1. */
const tlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
type TlsMode = (typeof tlsModes)[number]

export interface TlsOptions {
  readonly mode: TlsMode
  /** TLS begins with the first byte, without PostgreSQL's own request for it. */
  readonly direct: boolean
  /** Files in PEM; `system` stands for the certificate authorities that Node trusts. */
  readonly rootCertificate: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
  readonly passphrase: string | undefined
}

/** What a database URL says. */
export interface DatabaseTarget {
  /** In the order in which they are tried. */
  readonly endpoints: readonly ServerEndpoint[]
  readonly database: string
  readonly user: string
  readonly password: string
  readonly tls: TlsOptions
  /** How long one endpoint may take to connect, in milliseconds; undefined if the URL does not say. */
  readonly connectTimeoutMs: number | undefined
  /** Parameters of PostgreSQL's startup message. */
  readonly startup: Readonly<Record<string, string>>
}

const shape = 'postgres://user:password@host:port/database'

/** A database URL that cannot be used. Its message never contains a part of the URL that could be a password. */
export class InvalidDatabaseUrl extends Error {
  override readonly name = 'InvalidDatabaseUrl'
  constructor(reason?: string) {
    super(reason === undefined ? shape : `${shape}; ${reason}`)
  }
}

const encodingAdvice = 'percent-encode reserved characters in each part: / as %2F, @ as %40, ? as %3F, # as %23, % as %25'

const decode = (text: string): string => {
  let decoded: string
  try {
    decoded = decodeURIComponent(text)
  } catch {
    throw new InvalidDatabaseUrl(`it contains a percent sign that does not encode a character of UTF-8; ${encodingAdvice}`)
  }
  if (decoded.includes('\0')) throw new InvalidDatabaseUrl('it contains %00, which PostgreSQL does not accept')
  return decoded
}

const oneOf = <T extends string>(name: string, allowed: readonly T[], value: string): T => {
  const found = allowed.find((each) => each === value)
  if (found === undefined) throw new InvalidDatabaseUrl(`its parameter ${name} must be one of: ${allowed.join(', ')}`)
  return found
}

const wholeNumber = (name: string, value: string): number => {
  if (!/^[0-9]{1,9}$/.test(value)) throw new InvalidDatabaseUrl(`its parameter ${name} must be a whole number`)
  return Number(value)
}

/** Checks that a parameter has a value that changes nothing here. */
const only =
  (...values: readonly string[]) =>
  (name: string, value: string): void => {
    oneOf(name, values, value)
  }
const anything = (): void => {}

/** Parameters that are read below. */
const readParameters = [
  'host',
  'hostaddr',
  'port',
  'dbname',
  'user',
  'password',
  'connect_timeout',
  'application_name',
  'options',
  'search_path',
  'sslmode',
  'ssl',
  'sslnegotiation',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
] as const

/** Parameters of libpq that have no effect here, with what checks that their value asks for nothing else. */
const ignoredParameters: Readonly<Record<string, (name: string, value: string) => void>> = {
  // Every server is held to this, whatever the URL says.
  target_session_attrs: only('any', 'read-write', 'primary'),
  load_balance_hosts: only('disable'),
  client_encoding: only('UTF8', 'utf8', 'UTF-8', 'utf-8', 'auto'),
  channel_binding: only('disable', 'prefer'),
  gssencmode: only('disable', 'prefer'),
  sslcompression: only('0', '1'),
  sslsni: only('1'),
  fallback_application_name: anything,
  keepalives: anything,
  keepalives_idle: anything,
  keepalives_interval: anything,
  keepalives_count: anything,
  tcp_user_timeout: anything,
}

/** The query's parameters; the last of several with one name counts, as for libpq. */
const parseParameters = (query: string): ReadonlyMap<string, string> => {
  const parameters = new Map<string, string>()
  for (const part of query.split('&').filter((each) => each !== '')) {
    const equals = part.indexOf('=')
    if (equals === -1) throw new InvalidDatabaseUrl(`its parameters must have the form name=value; ${encodingAdvice}`)
    const name = decode(part.slice(0, equals))
    const value = decode(part.slice(equals + 1))
    const ignored = Object.hasOwn(ignoredParameters, name) ? ignoredParameters[name] : undefined
    if (ignored !== undefined) ignored(name, value)
    else if (!readParameters.some((each) => each === name)) {
      // A password with a question mark could be here instead of a name.
      const shown = /^[a-z][a-z_]{0,40}$/i.test(name) && !query.includes('@') ? `"${name}"` : 'one of its parameters'
      throw new InvalidDatabaseUrl(
        `${shown} is not known; remove it. Known: ${[...readParameters, ...Object.keys(ignoredParameters)].join(', ')}`,
      )
    }
    parameters.set(name, value)
  }
  return parameters
}

const parsePort = (text: string): number => {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw new InvalidDatabaseUrl(`a port must be a number from 1 to 65535; ${encodingAdvice}`)
  return port
}

const defaultPort = '5432'

/** A host with the port that belongs to it: a name, an address, or the folder of a Unix socket. */
const toEndpoint = (host: string, port: string): ServerEndpoint => {
  const number = parsePort(port === '' ? defaultPort : port)
  if (host.startsWith('/')) return { path: `${host.replace(/\/+$/, '')}/.s.PGSQL.${number}` }
  if (!/^[^\s/@?#[\]]*$/.test(host)) throw new InvalidDatabaseUrl(`a host contains a character that no host has; ${encodingAdvice}`)
  return { host: host === '' ? 'localhost' : host, port: number }
}

/** `h1:p1,h2:p2`, in which an IPv6 address is in brackets. */
const parseHosts = (text: string): [host: string, port: string][] =>
  text.split(',').map((each) => {
    const [, v6, name, port = ''] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(each) ?? []
    const host = v6 ?? name
    if (host === undefined)
      throw new InvalidDatabaseUrl(`a host must be a name, an IPv4 address, or an IPv6 address in brackets; ${encodingAdvice}`)
    if (v6 !== undefined && !decode(v6).includes(':')) throw new InvalidDatabaseUrl('only an IPv6 address belongs in brackets')
    return [decode(host), port]
  })

/** The endpoints: the hosts of the authority, which the parameters `host` (or `hostaddr`) and `port` replace. */
const parseEndpoints = (authority: string, parameters: ReadonlyMap<string, string>): ServerEndpoint[] => {
  let pairs = parseHosts(authority)
  const hosts = (parameters.get('hostaddr') ?? parameters.get('host'))?.split(',')
  if (hosts !== undefined) pairs = hosts.map((host, index) => [host, (pairs.length === 1 ? pairs[0] : pairs[index])?.[1] ?? ''])
  const ports = parameters.get('port')?.split(',')
  if (ports !== undefined) {
    if (ports.length !== 1 && ports.length !== pairs.length)
      throw new InvalidDatabaseUrl('it needs one port for all hosts, or one for each')
    pairs = pairs.map(([host], index) => [host, (ports.length === 1 ? ports[0] : ports[index]) ?? ''])
  }
  return pairs.map(([host, port]) => toEndpoint(host, port))
}

/** `ssl` is what other drivers call `sslmode`. */
const sslValues: Readonly<Record<string, TlsMode>> = { true: 'require', false: 'disable', 'no-verify': 'require' }

const parseTls = (parameters: ReadonlyMap<string, string>): TlsOptions => {
  const ssl = parameters.get('ssl')
  const given = parameters.get('sslmode') ?? (ssl === undefined ? undefined : (sslValues[ssl] ?? ssl))
  const rootCertificate = parameters.get('sslrootcert')
  const mode = given === undefined ? (rootCertificate === 'system' ? 'verify-full' : 'disable') : oneOf('sslmode', tlsModes, given)
  const direct = oneOf('sslnegotiation', ['postgres', 'direct'], parameters.get('sslnegotiation') ?? 'postgres') === 'direct'
  if (direct && tlsModes.indexOf(mode) < tlsModes.indexOf('require')) {
    throw new InvalidDatabaseUrl('sslnegotiation=direct needs sslmode=require, verify-ca or verify-full')
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
    throw new InvalidDatabaseUrl('it names no user, and this process runs as one without a name')
  }
}

/**
 * Parses a connection URI of PostgreSQL (docs, section 34.1.1.2). Several hosts, Unix sockets and libpq's parameters are allowed.
 * @throws InvalidDatabaseUrl
 */
export const parseDatabaseUrl = (url: string): DatabaseTarget => {
  const [, rest] = /^postgres(?:ql)?:\/\/(.*)$/s.exec(url) ?? []
  if (rest === undefined) throw new InvalidDatabaseUrl()
  const slash = rest.indexOf('/')
  // Up to the last @ before the first slash are credentials, so that @, ? and # in a password need no encoding.
  const at = rest.slice(0, slash === -1 ? rest.length : slash).lastIndexOf('@')
  const credentials = at === -1 ? '' : rest.slice(0, at)
  const [, authority = '', path = '', query = ''] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest.slice(at + 1)) ?? []
  if (/[/@#]/.test(path)) throw new InvalidDatabaseUrl(`its database name contains /, @ or #; ${encodingAdvice}`)
  const parameters = parseParameters(query)
  const [, user = '', password = ''] = /^([^:]*)(?::(.*))?$/s.exec(credentials) ?? []
  const database = parameters.get('dbname') ?? decode(path)
  if (database === '') throw new InvalidDatabaseUrl('it names no database')
  const connectTimeout = parameters.get('connect_timeout')
  return {
    endpoints: parseEndpoints(authority, parameters),
    database,
    user: parameters.get('user') ?? (user === '' ? currentUser() : decode(user)),
    password: parameters.get('password') ?? decode(password),
    tls: parseTls(parameters),
    connectTimeoutMs: connectTimeout === undefined ? undefined : wholeNumber('connect_timeout', connectTimeout) * 1000,
    startup: parseStartup(parameters),
  }
}
