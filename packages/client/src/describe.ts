const textMax = 80

/** Returns a string for messages: in quotes, truncated to 80 characters. */
export const quoted = (text: string): string => JSON.stringify(text.length > textMax ? `${text.slice(0, textMax)}…` : text)

/** Returns a method and its key for messages, such as `put "x"`. */
export const named = (method: string, key: unknown): string => (typeof key === 'string' ? `${method} ${quoted(key)}` : method)

/** Returns the type of a value for messages. Never contains the content of a string or an object. */
export const typeName = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  if (Array.isArray(value)) return 'an array'
  const { constructor: type } = value
  const name = typeof type === 'function' ? type.name : ''
  return name === '' || name === 'Object' ? Object.prototype.toString.call(value).slice(8, -1) : name
}
