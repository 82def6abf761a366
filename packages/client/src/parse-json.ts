/** An integer literal of JSON. */
const integer = /^-?[0-9]+$/
/** An integer with fewer digits is always exact as a number. */
const manyDigits = /[0-9]{16}/

const exact = (_name: string, value: unknown, context?: { readonly source?: string }): unknown => {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source
  if (source === undefined) {
    if (Number.isInteger(value))
      throw new RangeError('an integer beyond 2^53 cannot be read exactly, because this runtime does not support JSON source text access')
    return value
  }
  return integer.test(source) ? BigInt(source) : value
}

/** Parses a JSON text. An integer that a number would round becomes a bigint. @throws RangeError if the runtime cannot read it exactly */
export const parseJson = (text: string): unknown =>
  manyDigits.test(text) ? JSON.parse(text, exact as (name: string, value: unknown) => unknown) : JSON.parse(text)
