import { InvalidArgumentError } from './errors.js'

/** Returns a random UUID (RFC 9562 section 5.4). Browsers offer `crypto.randomUUID` only to pages that were loaded over HTTPS. */
export const newIdempotencyKey = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const hex = Array.from(bytes, (byte, index) => {
    const value = index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte
    return value.toString(16).padStart(2, '0')
  }).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/**
 * Returns the key as a header value: a string of structured fields (RFC 9651 section 3.3.3).
 * @throws InvalidArgumentError
 */
export const idempotencyHeader = (key: string): string => {
  if (typeof key !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(key)) {
    throw new InvalidArgumentError('idempotencyKey must have 1 to 255 characters of printable ASCII')
  }
  return `"${key.replaceAll(/["\\]/g, '\\$&')}"`
}
