import { z } from 'zod'
import { limits } from './limits.js'

const utf8 = new TextEncoder()

/** Returns the number of bytes of a string in UTF-8. */
export const byteLength = (text: string): number => utf8.encode(text).length

/** A UTF-16 code unit takes at most three bytes in UTF-8, so short texts are not encoded. */
const hasKeyBytes = (text: string): boolean => text.length * 3 <= limits.keyBytes || byteLength(text) <= limits.keyBytes

const keyText = z
  .string()
  .refine((text) => text.isWellFormed(), 'must not contain unpaired surrogates')
  .refine((text) => !text.includes('\0'), 'must not contain the NUL character')
  .refine(hasKeyBytes, `must have at most ${limits.keyBytes} bytes of UTF-8`)

/** A key: 1 to 1024 bytes of UTF-8, any character except NUL. `.` and `..` are invalid, because URLs cannot carry them. */
export const Key = keyText
  .refine((text) => text.length > 0, 'must not be empty')
  .refine((text) => text !== '.' && text !== '..', 'must not be "." or "..", which URLs cannot carry')
  .meta({
    id: 'Key',
    description: '1 to 1024 bytes of UTF-8, any character except NUL. In a path it is one percent-encoded segment.',
    minLength: 1,
    maxLength: limits.keyBytes,
    examples: ['user-config'],
  })

/** The name of a namespace. */
export const Namespace = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 characters of a-z, 0-9 and -, and not start with -')
  .meta({ id: 'Namespace', description: 'The name of a namespace.', examples: ['team-a'] })

/** The start of the listed keys. Empty for all keys. */
export const Prefix = keyText.meta({
  id: 'Prefix',
  description: 'Only keys that start with this text.',
  maxLength: limits.keyBytes,
  examples: ['user-'],
})

/** The text at which listed keys are grouped. */
export const Delimiter = keyText
  .refine((text) => text.length > 0, 'must not be empty')
  .meta({
    id: 'Delimiter',
    description:
      'Groups keys that contain this text after the prefix. `prefixes` contains the start of each group, up to and including this text.',
    minLength: 1,
    maxLength: limits.keyBytes,
    examples: ['/'],
  })

/** The key after which a list starts. It does not need to exist. */
export const StartAfter = keyText
  .refine((text) => text.length > 0, 'must not be empty')
  .meta({
    id: 'StartAfter',
    description:
      'Starts after this key, which does not need to exist: with greater keys, or with lesser ones if `reverse=true`. Cannot be combined with `page` or `cursor`.',
    minLength: 1,
    maxLength: limits.keyBytes,
    examples: ['user-42'],
  })

/** A position in a list: the opaque `next_cursor` of a page. */
export const Cursor = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/, 'must be a next_cursor of this list, with the same parameters; start again without a cursor')
  .meta({
    id: 'Cursor',
    description: 'Opaque: a `next_cursor` of an earlier page of the same list.',
    examples: ['YGBgYGBgYGBzZXNzaW9uLTQy'],
  })

/** Any JSON value; the text that came in is the text that goes out. */
export const JsonValue = z
  .unknown()
  .refine((value) => value !== undefined, 'is required: any JSON value, also null')
  .meta({ id: 'JsonValue', description: 'Any JSON value. It is given back exactly as it was written.' })

/** A JSON merge patch (RFC 7396). */
export const JsonPatch = z.unknown().meta({
  id: 'JsonPatch',
  description:
    'A merge patch of the value (RFC 7396). Members of an object are set, and those that are null are removed. Anything else replaces the value.',
})

/** A version: an opaque decimal string that grows with every write. */
export const Version = z
  .string()
  .regex(/^[1-9][0-9]*$/)
  .meta({ id: 'Version', description: 'Opaque. Grows with every write to the key.', examples: ['184'] })

/** A time in the past, of which a request wants the state. */
export const At = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time, such as 2026-11-20T19:26:00Z' })
  .meta({ description: 'A time in the past, with millisecond precision.', examples: ['2026-11-20T19:26:00.000Z'] })

/** A time in a response: RFC 3339, UTC, milliseconds. */
export const Timestamp = z.iso.datetime({ precision: 3 }).meta({ id: 'Timestamp', examples: ['2026-11-20T19:26:00.123Z'] })

const ttlMessage = `must be a whole number of seconds from 1 to ${limits.ttlSeconds}`

/** Seconds to live, at most 100 years. */
export const Ttl = z
  .int(ttlMessage)
  .min(1, ttlMessage)
  .max(limits.ttlSeconds, ttlMessage)
  .meta({ description: 'Seconds until the item expires.', examples: [3600] })

/** The first time that RFC 3339 cannot express, in milliseconds since 1970. */
const year10000 = Date.UTC(10_000)

/** A time in a request: RFC 3339 with any offset. The database's clock decides whether it is in the future. */
export const ExpiresAt = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time, such as 2030-01-31T12:00:00Z' })
  .refine((text) => Date.parse(text) > 0 && Date.parse(text) < year10000, 'must be in the future and before the year 10000')
  .meta({ description: 'The time at which the item expires. It must be in the future.' })
