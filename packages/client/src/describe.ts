const textMax = 80

/** A string as it appears in messages: in quotes, cut after 80 characters. */
export const quoted = (text: string): string => JSON.stringify(text.length > textMax ? `${text.slice(0, textMax)}…` : text)

/** A method and what it is called for, as messages name it: `put "x"`. */
export const named = (method: string, key: unknown): string => (typeof key === 'string' ? `${method} ${quoted(key)}` : method)

/** What a value is, for a message: its type, not its content. */
export const typeName = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  if (Array.isArray(value)) return 'an array'
  const { constructor: maker } = value
  const name = typeof maker === 'function' ? maker.name : ''
  return name === '' || name === 'Object' ? Object.prototype.toString.call(value).slice(8, -1) : name
}
