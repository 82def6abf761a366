/** The preference `return` of a Prefer header (RFC 7240), such as `return=minimal`. The first one counts; unknown preferences are passed over. */
const preferredReturn = (prefer: string | undefined): string | undefined =>
  (prefer ?? '')
    .toLowerCase()
    .split(',')
    .map((preference) => preference.split(';')[0]?.replaceAll(/[\s"]/g, ''))
    .find((preference) => preference?.startsWith('return='))

/** Whether a Prefer header asks for a response without the value. */
export const prefersMinimal = (prefer: string | undefined): boolean => preferredReturn(prefer) === 'return=minimal'

/** Whether a Prefer header asks for a response with the item. */
export const prefersRepresentation = (prefer: string | undefined): boolean => preferredReturn(prefer) === 'return=representation'
