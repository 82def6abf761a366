/** Whether a Prefer header (RFC 7240) asks for `return=minimal`. The first `return` counts; unknown preferences are passed over. */
export const prefersMinimal = (prefer: string | undefined): boolean => {
  const preferences = (prefer ?? '')
    .toLowerCase()
    .split(',')
    .map((preference) => preference.split(';')[0]?.replaceAll(/[\s"]/g, ''))
  return preferences.find((preference) => preference?.startsWith('return=')) === 'return=minimal'
}
