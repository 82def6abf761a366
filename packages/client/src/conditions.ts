import { InvalidArgumentError } from './errors.js'
import type { RequestHeaders } from './types.js'

/** Conditions of a write, evaluated at its instant. If one does not hold, the write throws a {@link PreconditionFailedError}. */
export interface Conditions {
  /**
   * Writes only if the item has this `version`. `'*'`: only if the item exists. Must not be undefined.
   * @default none
   */
  readonly ifMatch?: string
  /**
   * Writes only if the item does not have this `version`. `'*'`: only if the item does not exist. Must not be undefined.
   * @default none
   */
  readonly ifNoneMatch?: string
}

/** The options that are conditions. */
export const conditionNames = { ifMatch: '', ifNoneMatch: '' } as const satisfies Record<keyof Conditions, ''>

/** Returns a version as an entity tag. */
export const entityTag = (version: string): string => (version === '*' ? version : `"${version}"`)

const condition = (what: string, name: string, version: unknown): string | undefined => {
  if (version === undefined) return undefined
  if (typeof version === 'string' && /^(?:\*|[1-9][0-9]*)$/.test(version)) return entityTag(version)
  throw new InvalidArgumentError(`${what}: ${name} must be the version of an item, such as "184", or "*"`)
}

/** Returns the headers of conditions. @throws InvalidArgumentError */
export const conditionHeaders = (what: string, { ifMatch, ifNoneMatch }: Conditions): RequestHeaders<'putItem'> => ({
  'if-match': condition(what, 'ifMatch', ifMatch),
  'if-none-match': condition(what, 'ifNoneMatch', ifNoneMatch),
})
