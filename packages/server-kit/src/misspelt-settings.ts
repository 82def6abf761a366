import { nearestName } from './nearest-name.js'

/** An environment variable that is not a setting, and the setting that was probably meant. */
export interface MisspeltSetting {
  readonly given: string
  readonly meant: string
}

/** Names that other services use for the same setting, and that differ too much in spelling to be found otherwise. */
const otherNames: Readonly<Record<string, string>> = {
  AUTHENTICATION: 'AUTH',
  AUTH_ENABLED: 'AUTH',
  AUTH_REQUIRED: 'AUTH',
  ENABLE_AUTH: 'AUTH',
  REQUIRE_AUTH: 'AUTH',
  ADMIN_KEY: 'ADMIN_API_KEY',
  ADMIN_TOKEN: 'ADMIN_API_KEY',
  TRUSTED_PROXIES: 'TRUST_PROXY',
}

/** Variables of other programs: those of OpenTelemetry, and those that Kubernetes sets for a service named holdfast. */
const foreign = /^(?:OTEL_.*|HOLDFAST_(?:SERVICE_.*|PORT(?:_.*)?))$/

const plain = (name: string): string => name.replaceAll('_', '').toUpperCase()

/** Returns the number of edits that a misspelling may have. Short names may differ from names of other programs by a single letter. */
const editsMax = (name: string): number => (name.length < 7 ? 0 : name.length < 10 ? 1 : 2)

/** Returns the first two words of a name with at least three, such as `RATE_LIMIT`. */
const family = (name: string): string | undefined => /^([A-Z]+_[A-Z]+)_/.exec(name)?.[1]

const isOfFamily = (name: string, words: string | undefined): boolean =>
  words !== undefined && (`${name}_`.startsWith(`${words}_`) || `${name}_`.startsWith(`${words}S_`))

/** Returns the length of the common start of two names. */
const commonStartLength = (one: string, other: string): number => {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return length
}

const intendedSetting = (given: string, settings: readonly string[]): string | undefined => {
  const name = given.startsWith('HOLDFAST_') ? given.slice('HOLDFAST_'.length) : given
  const other = otherNames[name]
  if (other !== undefined && settings.includes(other)) return other
  const samePlainName = settings.find((setting) => plain(setting) === plain(name))
  if (samePlainName !== undefined) return samePlainName
  const near = nearestName(plain(name), settings.map(plain), editsMax(plain(name)))
  if (near !== undefined) return settings.find((setting) => plain(setting) === near)
  const sameFamily = settings.filter((setting) => isOfFamily(name, family(setting)))
  return sameFamily.sort((one, other) => commonStartLength(name, other) - commonStartLength(name, one))[0]
}

/**
 * Finds variables that look like misspelled settings, such as `RATE_LIMIT` for `RATE_LIMIT_REQUESTS`. Ignores variables of other
 * programs, and therefore misses some misspelled settings.
 */
export const misspeltSettings = (
  settings: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): readonly MisspeltSetting[] =>
  Object.entries(environment).flatMap(([given, value]) => {
    if (value === undefined || value === '' || settings.includes(given) || foreign.test(given)) return []
    const meant = intendedSetting(given, settings)
    return meant === undefined ? [] : [{ given, meant }]
  })
