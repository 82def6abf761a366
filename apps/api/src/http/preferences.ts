/** Returns the first `return` preference of a Prefer header (RFC 7240), such as `return=minimal`. Ignores other preferences. */
const preferredReturn = (prefer: string | undefined): string | undefined =>
  (prefer ?? '')
    .toLowerCase()
    .split(',')
    .map((preference) => preference.split(';')[0]?.replaceAll(/[\s"]/g, ''))
    .find((preference) => preference?.startsWith('return='))

/** Returns whether a Prefer header asks for a response without the value. */
export const prefersMinimal = (prefer: string | undefined): boolean => preferredReturn(prefer) === 'return=minimal'

/** Returns whether a Prefer header asks for a response with the item. */
export const prefersRepresentation = (prefer: string | undefined): boolean => preferredReturn(prefer) === 'return=representation'
