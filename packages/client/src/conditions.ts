import { InvalidArgumentError } from './errors.js'
import type { RequestHeaders } from './types.js'

/** Conditions of a write, judged at its instant. If one does not hold, the write throws {@link PreconditionFailedError}. */
export interface Conditions {
  /**
   * Write only if the item has this `version`; `'*'`: only if it exists. Must not be undefined.
   * @default none
   */
  readonly ifMatch?: string
  /**
   * Write only if the item does not have this `version`; `'*'`: only if it does not exist. Must not be undefined.
   * @default none
   */
  readonly ifNoneMatch?: string
}

/** Options that are conditions. */
export const conditionNames = { ifMatch: '', ifNoneMatch: '' } as const satisfies Record<keyof Conditions, ''>

/** A version as an entity tag. */
export const entityTag = (version: string): string => (version === '*' ? version : `"${version}"`)

const condition = (what: string, name: string, version: unknown): string | undefined => {
  if (version === undefined) return undefined
  if (typeof version === 'string' && /^(?:\*|[1-9][0-9]*)$/.test(version)) return entityTag(version)
  throw new InvalidArgumentError(`${what}: ${name} must be the version of an item, such as "184", or "*"`)
}

/** The headers of conditions. @throws InvalidArgumentError */
export const conditionHeaders = (what: string, { ifMatch, ifNoneMatch }: Conditions): RequestHeaders<'putItem'> => ({
  'if-match': condition(what, 'ifMatch', ifMatch),
  'if-none-match': condition(what, 'ifNoneMatch', ifNoneMatch),
})
