/** A number of JSON: an integer with all its digits, or an IEEE 754 double. */
export type ExactNumber = bigint | number

export const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n } as const

const integer = /^-?[0-9]+$/
const number = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/

/** Longer numbers are out of range, and slow to read. */
const digitsMax = 1_000
/** Stands for longer numbers. No addition makes it an integer of 64 bits. */
const beyond = 2n ** 128n

/** Reads a JSON number; undefined if the text is another value. A double that is an exact integer, such as 1e3, becomes an integer. */
export const readNumber = (text: string): ExactNumber | undefined => {
  if (text.length > digitsMax && number.test(text)) return beyond
  if (integer.test(text)) return BigInt(text)
  if (!number.test(text)) return undefined
  const double = Number(text)
  return Number.isSafeInteger(double) ? BigInt(double) : double
}

/** Adds two numbers, exactly if both are integers and as doubles otherwise. */
export const addNumbers = (a: ExactNumber, b: ExactNumber): ExactNumber =>
  typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b)

/** Tells whether a number can be stored: an integer within 64 bits, or a finite double. */
export const isKept = (value: ExactNumber): boolean =>
  typeof value === 'bigint' ? value >= int64.min && value <= int64.max : Number.isFinite(value)

/** Returns the JSON text of a number. */
export const numberText = (value: ExactNumber): string => {
  if (typeof value === 'bigint') return String(value)
  // Without an exponent it would be read as an integer of more than 64 bits.
  return Number.isInteger(value) && Math.abs(value) >= 2 ** 63 ? value.toExponential() : JSON.stringify(value)
}
