import type { RequestHeaders } from './types.js'

/** Conditions of a write: it goes through only where they hold at its instant, else it throws {@link PreconditionFailedError}. */
export interface Conditions {
  /** The version that the item must have, or `*`: it must exist. */
  readonly ifMatch?: string | undefined
  /** The version that the item must not have, or `*`: it must not exist. */
  readonly ifNoneMatch?: string | undefined
}

/** A version as an entity tag. */
export const quoted = (version: string | undefined): string | undefined =>
  version === undefined || version === '*' ? version : `"${version}"`

export const conditionHeaders = ({ ifMatch, ifNoneMatch }: Conditions): RequestHeaders<'putItem'> => ({
  'if-match': quoted(ifMatch),
  'if-none-match': quoted(ifNoneMatch),
})
