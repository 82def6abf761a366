/** The strong entity tag of a version (RFC 9110 section 8.8.3). */
export const entityTag = (version: string): string => `"${version}"`

const tags = /(W\/)?"([^"]*)"/g

/** Versions in a list of entity tags. Weak ones count only where the comparison is weak (section 8.8.3.2). */
const versions = (header: string, weak: boolean): string[] =>
  [...header.matchAll(tags)].flatMap(([, prefix, version = '']) => (prefix === undefined || weak ? [version] : []))

/** A condition as the store takes it: `*`, or versions with commas between; no tag of ours has a comma in it. */
const condition = (header: string | undefined, weak: boolean): string | null => {
  if (header === undefined) return null
  return header === '*'
    ? '*'
    : versions(header, weak)
        .filter((version) => /^[0-9]+$/.test(version))
        .join(',')
}

/** The conditions of a write: If-Match compares strongly, If-None-Match weakly (sections 13.1.1 and 13.1.2). */
export const writeConditions = (headers: { 'if-match'?: string | undefined; 'if-none-match'?: string | undefined }) => ({
  ifMatch: condition(headers['if-match'], false),
  ifNoneMatch: condition(headers['if-none-match'], true),
})
