import { z } from 'zod'
import { limits } from './limits.js'

const utf8 = new TextEncoder()

/** Bytes of a string in UTF-8. */
export const byteLength = (text: string): number => utf8.encode(text).length

/** No UTF-16 unit takes more than three bytes, so that short texts need not be encoded. */
const hasKeyBytes = (text: string): boolean => text.length * 3 <= limits.keyBytes || byteLength(text) <= limits.keyBytes

const keyText = z
  .string()
  .refine((text) => text.isWellFormed(), 'must not contain unpaired surrogates')
  .refine((text) => !text.includes('\0'), 'must not contain the NUL character')
  .refine(hasKeyBytes, `must have at most ${limits.keyBytes} bytes of UTF-8`)

/** A key: 1 to 1024 bytes of UTF-8, any character but NUL; not `.` or `..`, which URLs cannot carry. */
export const Key = keyText
  .refine((text) => text.length > 0, 'must not be empty')
  .refine((text) => text !== '.' && text !== '..', 'must not be "." or "..", which cannot travel in a URL')
  .meta({
    id: 'Key',
    description: '1 to 1024 bytes of UTF-8, any character but NUL. In a path it is one percent-encoded segment.',
    minLength: 1,
    maxLength: limits.keyBytes,
    examples: ['user-config'],
  })

/** The name of a namespace. */
export const Namespace = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and -, and not begin with -')
  .meta({ id: 'Namespace', description: 'The name of a namespace.', examples: ['team-a'] })

/** The beginning that listed keys share; empty for all. */
export const Prefix = keyText.meta({
  id: 'Prefix',
  description: 'Only keys that begin with this text.',
  maxLength: limits.keyBytes,
  examples: ['user-'],
})

/** What folds listed keys. */
export const Delimiter = keyText
  .refine((text) => text.length > 0, 'must not be empty')
  .meta({
    id: 'Delimiter',
    description: 'Folds the keys that have this text after the prefix into `prefixes`, each up to the end of its first one.',
    minLength: 1,
    maxLength: limits.keyBytes,
    examples: ['/'],
  })

/** A key, which need not exist, behind which a list begins. */
export const StartAfter = keyText
  .refine((text) => text.length > 0, 'must not be empty')
  .meta({
    id: 'StartAfter',
    description:
      'Begins behind this key, which need not exist: with greater keys, or with lesser ones if `reverse=true`. Not with `page` or `cursor`.',
    minLength: 1,
    maxLength: limits.keyBytes,
    examples: ['user-42'],
  })

/** A place in a list: opaque, as `next_cursor` answers it. */
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
    'A merge patch of the value (RFC 7396): members of an object are set, those that are null removed; anything else replaces the value.',
})

/** A version: an opaque decimal string that changes with every write and grows. */
export const Version = z
  .string()
  .regex(/^[1-9][0-9]*$/)
  .meta({ id: 'Version', description: 'Opaque; changes with every write to the key and grows.', examples: ['184'] })

/** A time that the service answers: RFC 3339, UTC, milliseconds. */
export const Timestamp = z.iso.datetime({ precision: 3 }).meta({ id: 'Timestamp', examples: ['2026-11-20T19:26:00.123Z'] })

const ttlMessage = `must be a whole number of seconds from 1 to ${limits.ttlSeconds}`

/** Seconds to live, at most 100 years. */
export const Ttl = z
  .int(ttlMessage)
  .min(1, ttlMessage)
  .max(limits.ttlSeconds, ttlMessage)
  .meta({ description: 'Seconds until the item expires.', examples: [3600] })

/** Milliseconds since 1970 of the first instant that RFC 3339 cannot name. */
const year10000 = Date.UTC(10_000)

/** A time that a caller gives: RFC 3339 with any offset. Whether it is in the future only the database's clock can say. */
export const ExpiresAt = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time, such as 2030-01-31T12:00:00Z' })
  .refine((text) => Date.parse(text) > 0 && Date.parse(text) < year10000, 'must be in the future and before the year 10000')
  .meta({ description: 'The instant at which the item expires; must be in the future.' })
