/** A JSON text that must not be parsed and serialized again, which would change digits, order or escapes. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Serializes plain objects, arrays and scalars as `JSON.stringify` does, and copies every {@link JsonText} unchanged. */
export const stringifyJson = (value: unknown): string => {
  if (value instanceof JsonText) return value.text
  if (Array.isArray(value)) return `[${value.map(stringifyJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  let members = ''
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name]
    if (member === undefined) continue
    members += `${members === '' ? '' : ','}${JSON.stringify(name)}:${stringifyJson(member)}`
  }
  return `{${members}}`
}
