import { nearestName } from './nearest-name.js'

/** A variable of the environment that is no setting, and the setting that was probably meant. */
export interface MisspeltSetting {
  readonly given: string
  readonly meant: string
}

/** Names that other services use for the same thing and that are far from ours in spelling. */
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

/** Variables of other programs: other settings of OpenTelemetry, and those that Kubernetes sets for a service named holdfast. */
const foreign = /^(?:OTEL_.*|HOLDFAST_(?:SERVICE_.*|PORT(?:_.*)?))$/

const plain = (name: string): string => name.replaceAll('_', '').toUpperCase()

/** Short names differ from names of other programs in one letter, so only long ones are compared by their letters. */
const editsMax = (name: string): number => (name.length < 7 ? 0 : name.length < 10 ? 1 : 2)

/** The first two words of a name with more, such as `RATE_LIMIT`. */
const family = (name: string): string | undefined => /^([A-Z]+_[A-Z]+)_/.exec(name)?.[1]

const isOfFamily = (name: string, words: string | undefined): boolean =>
  words !== undefined && (`${name}_`.startsWith(`${words}_`) || `${name}_`.startsWith(`${words}S_`))

/** The length of the text that two names begin with. */
const commonStart = (one: string, other: string): number => {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return length
}

const meantBy = (given: string, settings: readonly string[]): string | undefined => {
  const name = given.startsWith('HOLDFAST_') ? given.slice('HOLDFAST_'.length) : given
  const other = otherNames[name]
  if (other !== undefined && settings.includes(other)) return other
  const spelt = settings.find((setting) => plain(setting) === plain(name))
  if (spelt !== undefined) return spelt
  const near = nearestName(plain(name), settings.map(plain), editsMax(plain(name)))
  if (near !== undefined) return settings.find((setting) => plain(setting) === near)
  const ours = settings.filter((setting) => isOfFamily(name, family(setting)))
  return ours.sort((one, other) => commonStart(name, other) - commonStart(name, one))[0]
}

/**
 * Finds variables that look like settings and are none, such as `RATE_LIMIT` for `RATE_LIMIT_REQUESTS`. Misses some rather than
 * suspect variables of other programs.
 */
export const misspeltSettings = (
  settings: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): readonly MisspeltSetting[] =>
  Object.entries(environment).flatMap(([given, value]) => {
    if (value === undefined || value === '' || settings.includes(given) || foreign.test(given)) return []
    const meant = meantBy(given, settings)
    return meant === undefined ? [] : [{ given, meant }]
  })
