import { InvalidArgumentError } from './errors.js'

interface RawJson {
  readonly rawJSON?: (text: string) => unknown
}

/** An integer literal of JSON. */
const integer = /^-?[0-9]+$/
/** Fewer digits than this are always exact as a number. */
const manyDigits = /[0-9]{16}/

const notJson = (name: string, what: string) =>
  new InvalidArgumentError(`the value has ${what}${name === '' ? '' : ` in "${name}"`}, which JSON cannot carry`)

const checked = (name: string, value: unknown): unknown => {
  if (typeof value === 'bigint') {
    const { rawJSON } = JSON as RawJson
    if (rawJSON === undefined) throw notJson(name, 'a bigint and this runtime has no JSON.rawJSON')
    return rawJSON(String(value))
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw notJson(name, String(value))
  if (typeof value === 'function' || typeof value === 'symbol') throw notJson(name, `a ${typeof value}`)
  if (value instanceof Map || value instanceof Set) throw notJson(name, `a ${value.constructor.name}`)
  return value
}

/**
 * The JSON text of a value. A bigint becomes an integer of all its digits.
 * @throws InvalidArgumentError where JSON.stringify would lose something: NaN, Infinity, functions, symbols, maps, sets, cycles
 */
export const stringifyJson = (value: unknown): string => {
  try {
    return JSON.stringify(value, checked)
  } catch (error) {
    throw error instanceof InvalidArgumentError ? error : new InvalidArgumentError('the value cannot be written as JSON', [], error)
  }
}

const exact = (_name: string, value: unknown, context?: { readonly source?: string }): unknown => {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source
  if (source === undefined) {
    if (Number.isInteger(value))
      throw new RangeError('an integer beyond 2^53 cannot be read exactly: this runtime has no JSON source text access')
    return value
  }
  return integer.test(source) ? BigInt(source) : value
}

/** The value of a JSON text. An integer that a number would round becomes a bigint. */
export const parseJson = (text: string): unknown =>
  manyDigits.test(text) ? JSON.parse(text, exact as (name: string, value: unknown) => unknown) : JSON.parse(text)
