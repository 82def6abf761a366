/** Returns the strong entity tag of a version (RFC 9110 section 8.8.3). */
export const entityTag = (version: string): string => `"${version}"`

const tags = /(W\/)?"([^"]*)"/g

/** Returns the versions in a list of entity tags. Skips weak tags unless the comparison is weak (section 8.8.3.2). */
const versions = (header: string, weak: boolean): string[] =>
  [...header.matchAll(tags)].flatMap(([, prefix, version = '']) => (prefix === undefined || weak ? [version] : []))

/** Returns a condition in the form that the store expects: `*`, or versions separated by commas. Skips tags that cannot be versions. */
const condition = (header: string | undefined, weak: boolean): string | null => {
  if (header === undefined) return null
  return header === '*'
    ? '*'
    : versions(header, weak)
        .filter((version) => /^[0-9]+$/.test(version))
        .join(',')
}

/** Returns the conditions of a write. If-Match is compared strongly, If-None-Match weakly (sections 13.1.1 and 13.1.2). */
export const writeConditions = (headers: { 'if-match'?: string | undefined; 'if-none-match'?: string | undefined }) => ({
  ifMatch: condition(headers['if-match'], false),
  ifNoneMatch: condition(headers['if-none-match'], true),
})
