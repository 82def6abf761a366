import { memberText } from '../lib/json-span.js'
import type { PutValue } from './operation.js'

/** Returns the value as JSON text. */
export const valueText = (value: PutValue): string => ('text' in value ? value.text : (memberText(value.body, 'value') ?? 'null'))

/** Returns a JSON object with the value as its member `value`. */
export const bodyOf = (value: PutValue): string => ('body' in value ? value.body : `{"value":${value.text}}`)

/** Returns whether the JSON text of the value has more than `bytesMax` bytes in UTF-8. Scans a value only if it may be too long. */
export const isLongerThan = (value: PutValue, bytesMax: number): boolean => {
  const text = 'text' in value ? value.text : value.body
  // A UTF-16 code unit takes at most three bytes.
  return text.length * 3 > bytesMax && Buffer.byteLength(valueText(value)) > bytesMax
}
