/** JSON that stays the text that it is, because re-serialising would change digits, order or escapes. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** `JSON.stringify` that copies every {@link JsonText} as it stands. Takes plain objects, arrays and scalars. */
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
