const expected = 'a URL of the form postgres://user:password@host:port/database'

/**
 * A database URL that cannot be used. The message says what is expected, and does not contain any part of the URL that could be a password.
 */
export class InvalidDatabaseUrl extends Error {
  override readonly name = 'InvalidDatabaseUrl'
  constructor(reason?: string) {
    super(reason === undefined ? expected : `${expected}. ${reason}`)
  }
}

export const encodingAdvice = 'Percent-encode reserved characters in each part: / as %2F, @ as %40, ? as %3F, # as %23, % as %25.'

/** Decodes percent-encoded text. */
export const decode = (text: string): string => {
  let decoded: string
  try {
    decoded = decodeURIComponent(text)
  } catch {
    throw new InvalidDatabaseUrl(`It contains a percent sign that does not encode a UTF-8 character. ${encodingAdvice}`)
  }
  if (decoded.includes('\0')) throw new InvalidDatabaseUrl('It contains %00, which PostgreSQL does not accept.')
  return decoded
}

/** Returns the value if it is allowed for the parameter. */
export const oneOf = <T extends string>(name: string, allowed: readonly T[], value: string): T => {
  const match = allowed.find((each) => each === value)
  if (match === undefined) throw new InvalidDatabaseUrl(`Its parameter ${name} must be one of: ${allowed.join(', ')}.`)
  return match
}

/** Parses the value of a parameter that must be a whole number. */
export const parseWholeNumber = (name: string, value: string): number => {
  if (!/^[0-9]{1,9}$/.test(value)) throw new InvalidDatabaseUrl(`Its parameter ${name} must be a whole number.`)
  return Number(value)
}

const supportedParameters = [
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

const allowOnly =
  (...values: readonly string[]) =>
  (name: string, value: string): void => {
    oneOf(name, values, value)
  }
const allowAny = (): void => {}

/** Parameters of libpq that have no effect here. Each function rejects the values that would need support. */
const ignoredParameters: Readonly<Record<string, (name: string, value: string) => void>> = {
  // The service always looks for the primary.
  target_session_attrs: allowOnly('any', 'read-write', 'primary'),
  load_balance_hosts: allowOnly('disable'),
  client_encoding: allowOnly('UTF8', 'utf8', 'UTF-8', 'utf-8', 'auto'),
  channel_binding: allowOnly('disable', 'prefer'),
  gssencmode: allowOnly('disable', 'prefer'),
  sslcompression: allowOnly('0', '1'),
  sslsni: allowOnly('1'),
  fallback_application_name: allowAny,
  keepalives: allowAny,
  keepalives_idle: allowAny,
  keepalives_interval: allowAny,
  keepalives_count: allowAny,
  tcp_user_timeout: allowAny,
}

/**
 * Parses the query of a database URL. If a parameter is repeated, the last one counts, as in libpq.
 * @throws InvalidDatabaseUrl
 */
export const parseParameters = (query: string): ReadonlyMap<string, string> => {
  const parameters = new Map<string, string>()
  for (const part of query.split('&').filter((each) => each !== '')) {
    const equals = part.indexOf('=')
    if (equals === -1) throw new InvalidDatabaseUrl(`Its parameters must have the form name=value. ${encodingAdvice}`)
    const name = decode(part.slice(0, equals))
    const value = decode(part.slice(equals + 1))
    const check = Object.hasOwn(ignoredParameters, name) ? ignoredParameters[name] : undefined
    if (check !== undefined) check(name, value)
    else if (!supportedParameters.some((each) => each === name)) {
      // The name may be the rest of a password with a question mark in it.
      const shown = /^[a-z][a-z_]{0,40}$/i.test(name) && !query.includes('@') ? `Its parameter "${name}"` : 'One of its parameters'
      const known = [...supportedParameters, ...Object.keys(ignoredParameters)].join(', ')
      throw new InvalidDatabaseUrl(`${shown} is not supported. Remove it. Supported: ${known}.`)
    }
    parameters.set(name, value)
  }
  return parameters
}
