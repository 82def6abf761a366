import { quoted, typeName } from './describe.js'
import { InvalidArgumentError } from './errors.js'

/** Levels of arrays and objects that the service accepts in a value. */
const levelsMax = 128

const fail = (path: string, message: string): never => {
  throw new InvalidArgumentError(`${path}: ${message}`, [{ path, message }])
}

const notJson = (path: string, value: unknown): never => fail(path, `${typeName(value)} is not JSON`)

const member = (path: string, name: string): string => {
  const part = /^[A-Za-z_$][\w$]*$/.test(name) ? name : `[${quoted(name)}]`
  return path === '' || part.startsWith('[') ? path + part : `${path}.${part}`
}

const text = (value: string, path: string, what = ''): string => {
  if (!value.isWellFormed()) fail(path, `${what}unpaired surrogates are not text`)
  if (value.includes('\0')) fail(path, `${what}the NUL character cannot be stored`)
  return JSON.stringify(value)
}

/** Whether an object was made by `{}` or `Object.create(null)`, in whichever realm. */
const isPlain = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')
}

const isDate = (value: object): boolean => Object.prototype.toString.call(value) === '[object Date]'

/** The text of a value that was written before, for a body to take as it is. */
export class JsonText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Parents = object[]

const array = (value: readonly unknown[], path: string, parents: Parents): string => {
  const parts: string[] = []
  for (let index = 0; index < value.length; index++) {
    const place = `${path}[${index}]`
    if (!Object.hasOwn(value, index)) fail(place, 'a hole in an array is not JSON')
    parts.push(write(value[index], place, parents, String(index)) ?? notJson(place, undefined))
  }
  const names = Object.keys(value)
  if (names.length > value.length) fail(member(path, names[value.length] as string), 'a named member of an array is not JSON')
  return `[${parts.join(',')}]`
}

const object = (value: object, path: string, parents: Parents): string => {
  if (!isPlain(value) || Symbol.toStringTag in value) notJson(path, value)
  if (Object.getOwnPropertySymbols(value).length > 0) fail(path, 'a symbol as a name is not JSON')
  const parts: string[] = []
  for (const [name, each] of Object.entries(value)) {
    const place = member(path, name)
    const written = write(each, place, parents, name)
    if (written !== undefined) parts.push(`${text(name, place, 'in the name, ')}:${written}`)
  }
  return `{${parts.join(',')}}`
}

const number = (value: number, path: string): string => {
  if (!Number.isFinite(value)) notJson(path, value)
  return Object.is(value, -0) ? '-0' : String(value)
}

/** What an object is written as: what its `toJSON` returns, if it has one. */
const converted = (value: unknown, path: string, name: string): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if (isDate(value) && Number.isNaN(Number(value))) fail(path, 'an invalid Date is not JSON')
  // A Buffer has a toJSON that nobody means: it would be stored as an array of numbers.
  if (ArrayBuffer.isView(value)) notJson(path, value)
  const { toJSON } = value as { toJSON?: unknown }
  return typeof toJSON === 'function' ? toJSON.call(value, name) : value
}

/** The JSON text of a value; undefined for undefined, which objects leave out. */
const write = (given: unknown, path: string, parents: Parents, name: string): string | undefined => {
  const value = converted(given, path, name)
  if (value === undefined) return undefined
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return text(value, path)
  if (typeof value === 'number') return number(value, path)
  if (typeof value !== 'object') return notJson(path, value)
  if (value instanceof JsonText) return value.text
  if (parents.includes(value)) fail(path, 'a cycle is not JSON')
  if (parents.length === levelsMax) fail(path, `a value may have at most ${levelsMax} levels of arrays and objects`)
  parents.push(value)
  const written = Array.isArray(value) ? array(value, path, parents) : object(value, path, parents)
  parents.pop()
  return written
}

/**
 * The JSON text of a value, exactly: a bigint with all its digits, −0 as `-0`. Members of objects that are undefined are left out.
 * @param path where the value is, for messages; members of `''` begin a path
 * @throws InvalidArgumentError with the path of a member that JSON cannot carry or that `JSON.stringify` would change
 */
export const stringifyJson = (value: unknown, path: string): string => {
  try {
    return write(value, path, [], '') ?? fail(path, 'must not be undefined; null is a value')
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw error
    throw new InvalidArgumentError(`${path}: cannot be written as JSON`, [{ path, message: 'cannot be written as JSON' }], error)
  }
}
