import { quoted, typeName } from './describe.js'
import { InvalidArgumentError } from './errors.js'

/** The nesting of arrays and objects that the service accepts in a value. */
const levelsMax = 128

/** The JSON text of a value, which is inserted into a body unchanged. */
export class JsonText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** The current position in a value. It becomes a path only in messages, because that takes time. */
interface Position {
  readonly root: string
  /** Names and indexes from the root. */
  readonly names: (string | number)[]
  /** The arrays and objects around the position. */
  readonly parents: object[]
}

const pathOf = ({ root, names }: Position): string =>
  names.reduce<string>((path, name) => {
    if (typeof name === 'number') return `${path}[${name}]`
    if (!/^[A-Za-z_$][\w$]*$/.test(name)) return `${path}[${quoted(name)}]`
    return path === '' ? name : `${path}.${name}`
  }, root)

const fail = (position: Position, message: string): never => {
  const path = pathOf(position)
  throw new InvalidArgumentError(`${path}: ${message}`, [{ path, message }])
}

const notJson = (position: Position, value: unknown): never => fail(position, `${typeName(value)} is not JSON`)

/** Strings of these characters need no escapes and no checks. */
const plainText = /^[ !#-[\]-~\xa0-\u02ff]*$/

const text = (value: string, position: Position, what = ''): string => {
  if (plainText.test(value)) return `"${value}"`
  if (!value.isWellFormed()) fail(position, `${what}unpaired surrogates are not valid text`)
  if (value.includes('\0')) fail(position, `${what}the NUL character cannot be stored`)
  return JSON.stringify(value)
}

/** Whether an object was created by `{}` or `Object.create(null)`, in any realm. */
const isPlain = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')
}

const isDate = (value: object): boolean => Object.prototype.toString.call(value) === '[object Date]'

const array = (value: readonly unknown[], position: Position): string => {
  let written = ''
  for (let index = 0; index < value.length; index++) {
    position.names.push(index)
    if (!Object.hasOwn(value, index)) fail(position, 'a hole in an array is not JSON')
    written += `${index === 0 ? '' : ','}${write(value[index], position) ?? notJson(position, undefined)}`
    position.names.pop()
  }
  const names = Object.keys(value)
  if (names.length > value.length) {
    position.names.push(names[value.length] as string)
    fail(position, 'a named member of an array is not JSON')
  }
  return `[${written}]`
}

const object = (value: Readonly<Record<string, unknown>>, position: Position): string => {
  if (!isPlain(value) || Symbol.toStringTag in value) notJson(position, value)
  if (Object.getOwnPropertySymbols(value).length > 0) fail(position, 'a symbol as a name is not JSON')
  let written = ''
  for (const name of Object.keys(value)) {
    position.names.push(name)
    const member = write(value[name], position)
    if (member !== undefined) written += `${written === '' ? '' : ','}${text(name, position, 'in the name, ')}:${member}`
    position.names.pop()
  }
  return `{${written}}`
}

const number = (value: number, position: Position): string => {
  if (!Number.isFinite(value)) notJson(position, value)
  return Object.is(value, -0) ? '-0' : String(value)
}

/** Returns the result of a value's `toJSON`, or the value if it has none. */
const converted = (value: unknown, position: Position): unknown => {
  if (typeof value !== 'object' || value === null) return value
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON !== 'function') return value
  if (isDate(value) && Number.isNaN(Number(value))) fail(position, 'an invalid Date is not JSON')
  // The toJSON of a Buffer would store an array of numbers, which is rarely intended.
  if (ArrayBuffer.isView(value)) notJson(position, value)
  return toJSON.call(value, String(position.names.at(-1) ?? ''))
}

/** Returns the JSON text of a value, or undefined for undefined, which objects omit. */
const write = (input: unknown, position: Position): string | undefined => {
  const value = converted(input, position)
  if (typeof value === 'string') return text(value, position)
  if (typeof value === 'number') return number(value, position)
  if (value === undefined) return undefined
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (typeof value !== 'object') return notJson(position, value)
  if (value instanceof JsonText) return value.text
  const { parents } = position
  if (parents.includes(value)) fail(position, 'a cycle is not JSON')
  if (parents.length === levelsMax) fail(position, `a value may have at most ${levelsMax} levels of arrays and objects`)
  parents.push(value)
  const written = Array.isArray(value) ? array(value, position) : object(value as Record<string, unknown>, position)
  parents.pop()
  return written
}

/**
 * Returns the exact JSON text of a value: a bigint with all its digits, −0 as `-0`. Omits members of objects that are undefined.
 * @param root the start of paths in messages; with `''`, paths start with the name of a member
 * @throws InvalidArgumentError with the path of a member that is not JSON or that `JSON.stringify` would change
 */
export const stringifyJson = (value: unknown, root: string): string => {
  const position: Position = { root, names: [], parents: [] }
  try {
    return write(value, position) ?? fail(position, 'must not be undefined; use null instead')
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw error
    const path = pathOf(position)
    throw new InvalidArgumentError(`${path}: cannot be written as JSON`, [{ path, message: 'cannot be written as JSON' }], error)
  }
}
