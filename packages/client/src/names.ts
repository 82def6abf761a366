/** A name of the API in camelCase: `expires_at` is `expiresAt`. */
type CamelCase<Name extends string> = Name extends `${infer First}_${infer Rest}` ? `${First}${Capitalize<CamelCase<Rest>>}` : Name

/** A body of the API with its member names in camelCase, at every level except inside a `value`, which belongs to the user. */
export type CamelCased<T> = T extends readonly (infer Element)[]
  ? CamelCased<Element>[]
  : T extends object
    ? { [Name in keyof T as CamelCase<Name & string>]: Name extends 'value' ? T[Name] : CamelCased<T[Name]> }
    : T

/** The camelCase names of a request's members, each with its name in the API. A table of this type has every member of the contract. */
export type WireNames<Members> = { readonly [Name in keyof Members & string as CamelCase<Name>]-?: Name }

const camelCase = (name: string): string =>
  name.includes('_') ? name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) : name

const withCamelCase = (body: unknown): unknown => {
  if (Array.isArray(body)) return body.map(withCamelCase)
  if (typeof body !== 'object' || body === null) return body
  return Object.fromEntries(
    Object.entries(body).map(([name, member]) => [camelCase(name), name === 'value' ? member : withCamelCase(member)]),
  )
}

/** Renames the members of a response's body to camelCase. Values stay as they are. */
export const camelCased = <T>(body: T): CamelCased<T> => withCamelCase(body) as CamelCased<T>

/** Renames members to the names of the API. Omits members that are not in the table or are undefined. */
export const wireMembers = (members: object, names: Readonly<Record<string, string>>): Record<string, unknown> => {
  const renamed: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(members)) {
    const wireName = Object.hasOwn(names, name) ? names[name] : ''
    if (wireName !== '' && wireName !== undefined && value !== undefined) renamed[wireName] = value
  }
  return renamed
}
