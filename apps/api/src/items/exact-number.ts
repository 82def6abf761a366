/** A number of JSON: an integer with all its digits, or an IEEE 754 double. */
export type ExactNumber = bigint | number

export const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n } as const

const integer = /^-?[0-9]+$/
const number = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/

/** Reading more digits than any number that is kept has takes long. */
const digitsMax = 1_000
/** In place of numbers with so many: an integer that nothing that is added makes one of 64 bits. */
const beyond = 2n ** 128n

/** The number that a JSON text is; undefined where it is another value. A double that is an integer without loss, such as 1e3, is one. */
export const readNumber = (text: string): ExactNumber | undefined => {
  if (text.length > digitsMax && number.test(text)) return beyond
  if (integer.test(text)) return BigInt(text)
  if (!number.test(text)) return undefined
  const double = Number(text)
  return Number.isSafeInteger(double) ? BigInt(double) : double
}

/** The sum: exact of two integers, else that of doubles. */
export const addNumbers = (a: ExactNumber, b: ExactNumber): ExactNumber =>
  typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b)

/** Whether a number can be kept: an integer has 64 bits, a double is finite. */
export const isKept = (value: ExactNumber): boolean =>
  typeof value === 'bigint' ? value >= int64.min && value <= int64.max : Number.isFinite(value)

/** The JSON text of a number. */
export const numberText = (value: ExactNumber): string => {
  if (typeof value === 'bigint') return String(value)
  // Digits alone would say that it is an integer, of more than 64 bits.
  return Number.isInteger(value) && Math.abs(value) >= 2 ** 63 ? value.toExponential() : JSON.stringify(value)
}
